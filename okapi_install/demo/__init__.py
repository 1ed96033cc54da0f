"""A small FOLIO platform and the simulated modules behind it: for the demo.

It knows nothing of the server's internals, and uses only HTTP and the command.
"""
