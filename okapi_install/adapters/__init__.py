"""Adapters to everything outside the process: the SQL store, modules, the broker, other servers, the solver."""
