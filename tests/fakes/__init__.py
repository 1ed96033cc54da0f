"""Fakes of the ports, for tests. A fake passes the same contract suite as the real thing."""
