"""The registry of module descriptors: one consistent state, indexed, with its checks and queries."""
