"""The command: parses arguments, prints, and asks. What a command does is done by the client or the server."""
