"""Use cases over fakes."""
