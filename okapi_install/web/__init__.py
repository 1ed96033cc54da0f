"""The HTTP side: one blueprint for each family of paths; it knows use cases, not how they are kept or carried out."""
