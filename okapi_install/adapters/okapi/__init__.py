"""The Okapi beside this service: what it has is mirrored into the store, and changes of tenants are recorded in it."""
