"""Connections before there is a request: gunicorn's worker, incomplete requests, and refusals by the server itself."""
