"""Connections before there is a request: gunicorn's worker, what has arrived, and what the server itself refuses."""
