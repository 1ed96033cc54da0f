"""What FOLIO modules are: versions, descriptors, the registry, and the tenant interface. No plans, no jobs."""
