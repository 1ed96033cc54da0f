"""Embedded mode: one process that starts Valkey, the workers and the API as children, and restarts what dies.

The children are the same programs as in a cluster, with the same settings, given in their environment.
"""

from okapi_install.supervisor.supervisor import Supervisor

__all__ = ["Supervisor"]
