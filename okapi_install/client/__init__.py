"""A client of any server that speaks Okapi's API, over HTTP. It knows nothing of how a server works."""
