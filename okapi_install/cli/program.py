"""How to call this command again: a line that works as printed, in another terminal too."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from shutil import which

NAME = "okapi-install"


def program() -> str:
    """`okapi-install` if a shell finds this installation by that name, else its path."""
    script = Path(sys.executable).parent / NAME
    found = which(NAME)
    if found is not None and _same(Path(found), script):
        return NAME
    if os.access(script, os.X_OK):
        return shlex.quote(str(script))
    return f"{shlex.quote(sys.executable)} -m okapi_install"


def _same(one: Path, other: Path) -> bool:
    return other.exists() and one.samefile(other)
