"""How often Python looks for cycles of garbage. Its own pace is that of a small script: in a worker under load it took
a tenth of the processor time.
"""

from __future__ import annotations

import gc

_THRESHOLDS = (10_000, 20, 20)
"""New objects before a look at the youngest, and such looks before one at the next older ones."""


def collect_rarely() -> None:
    """To be called when a process is ready: what it has until then stays, and is not looked at again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
