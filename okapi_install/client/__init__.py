"""A client for any server with Okapi's HTTP API. It knows nothing about how a server works."""
