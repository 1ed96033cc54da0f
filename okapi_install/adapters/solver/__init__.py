"""The answer set solver clingo with FOLIO's rules, in a separate process."""
