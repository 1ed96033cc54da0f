"""The page for people: plain HTML that a small script keeps current."""
