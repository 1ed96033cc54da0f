"""The rules of FOLIO and of Okapi: versions, descriptors, plans, jobs. No I/O, clock, environment or logging."""
