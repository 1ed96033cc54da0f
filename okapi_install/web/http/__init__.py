"""Reads requests and writes responses, errors included. All wings of the web use it; it knows none of them."""
