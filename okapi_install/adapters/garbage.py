"""Less frequent garbage collection. Python's default thresholds suit small scripts: in a worker under load the
collector took a tenth of the processor time.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (10_000, 20, 20)
"""gc.set_threshold's values: new objects before the youngest generation is collected, and so on."""


def collect_rarely() -> None:
    """Makes collections rare. Call it when the process is ready: objects that exist by then are never collected."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
