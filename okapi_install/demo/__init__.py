"""A small FOLIO platform and the simulated modules behind it: for the demo.

It knows nothing of the server's insides; all it does goes over HTTP or through the command.
"""
