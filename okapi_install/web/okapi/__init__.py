"""Okapi's paths, exactly as Okapi serves them."""
