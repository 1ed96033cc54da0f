"""The web page for operators: plain HTML, kept current by a small script."""
