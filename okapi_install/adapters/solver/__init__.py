"""The answer set solver clingo: with the rules of FOLIO, in a process of its own."""
