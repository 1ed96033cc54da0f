"""Our own paths below /_/install."""
