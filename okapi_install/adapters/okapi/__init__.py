"""The Okapi beside this service: what it has is mirrored into the store, and changes of tenants are recorded in it.

Requests that are not for this service are handed on to it.
"""
