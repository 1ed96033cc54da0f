"""The HTTP API and the page: one blueprint for each family of paths. It calls use cases, never a store or broker."""
