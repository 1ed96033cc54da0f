"""Programs for developers: checks, measurements."""
