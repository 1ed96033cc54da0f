"""How the worker counts the ends of steps and jobs; see JobObserver."""

from __future__ import annotations

from okapi_install.service.observer import count_end, count_step, time_job

__all__ = ["count_end", "count_step", "time_job"]
