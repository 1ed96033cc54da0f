"""The front of a service beside an Okapi: what is handed on to that Okapi, and who may use what is not."""
