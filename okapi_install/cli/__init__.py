"""The command line: parses arguments, prints, and asks. The client or the server does the work."""
