"""A limit for the CPU time of a process, as a container's `cpus:` is one: a control group of Linux with a quota.

It knows nothing of what the processes do. A period is short, so that they are slowed down and never freeze. Only the
groups that are made here are changed, and they are removed again; without the right to make one nothing is limited.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PERIOD = 10_000
"""Microseconds. Linux's own 100 ms would let a process work for a while, and then be gone for long."""

LEAST = 1_000
"""Microseconds in a period that Linux wants at least."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The folder where groups can be made, and that of the group that this process and its children are in."""

    groups: Path
    own: Path
    unified: bool

    @classmethod
    def found(cls, process: Path = Path("/proc/self")) -> Place | None:
        """The place on this machine, by what Linux tells of a process; None where CPU cannot be limited."""
        paths = _own_paths((process / "cgroup").read_text()) if (process / "cgroup").exists() else {}
        mounts = list(_mounts((process / "mountinfo").read_text())) if paths else []
        for mount in mounts:
            if "cpu" in mount.options and "cpu" in paths:
                own = mount.folder_of(paths["cpu"])
                return cls(groups=own, own=own, unified=False)
        for mount in mounts:
            if mount.unified and "" in paths:
                return _unified(mount.folder, mount.folder_of(paths[""]))
        return None

    def limits(self, share: float) -> Mapping[str, str]:
        """What to write into which file of a group, in this order."""
        period = max(PERIOD, math.ceil(LEAST / share))
        quota = round(share * period)
        if self.unified:
            return {"cpu.max": f"{quota} {period}"}
        return {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}


def _unified(root: Path, own: Path) -> Place | None:
    """Groups are made beside the own one: only the root may hold processes and groups that are limited."""
    groups = own if own == root else own.parent
    controllers = groups / "cgroup.subtree_control"
    if not controllers.exists() or "cpu" not in controllers.read_text().split():
        return None
    return Place(groups=groups, own=own, unified=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Mount:
    folder: Path
    root: str
    unified: bool
    options: frozenset[str]

    def folder_of(self, path: str) -> Path:
        """Where a group is seen. In a container it may be told of by a path that is not mounted: the root is it."""
        inside = path.removeprefix(self.root) if self.root != "/" else path
        folder = self.folder / inside.lstrip("/")
        return folder if folder.is_dir() else self.folder


def _mounts(told: str) -> Iterator[_Mount]:
    """See proc_pid_mountinfo(5)."""
    for line in told.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if kind and kind[0] in ("cgroup", "cgroup2"):
            unified = kind[0] == "cgroup2"
            options = frozenset() if unified else frozenset(kind[-1].split(","))
            yield _Mount(folder=Path(words[4]), root=words[3], unified=unified, options=options)


def _own_paths(told: str) -> dict[str, str]:
    """The path of the own group by controller; that of the unified hierarchy under the empty name. See cgroups(7)."""
    lines = [line.split(":", 2) for line in told.splitlines()]
    return {name: path for _, names, path in lines for name in names.split(",")}


@contextlib.contextmanager
def limited(pids: Iterable[int], share: float) -> Iterator[str | None]:
    """Gives each of these processes so many cores (0.5 is half of one) until the end; children of them count with them.

    Yields None when all are limited, else why none is.
    """
    with contextlib.ExitStack() as groups:
        yield _limit_all(groups, pids, share)


def _limit_all(groups: contextlib.ExitStack, pids: Iterable[int], share: float) -> str | None:
    try:
        place = Place.found()
        if place is None:
            return "this machine has no control groups for CPU"
        for pid in pids:
            groups.enter_context(_group(place, pid, share))
    except OSError as why:
        groups.close()
        return f"no control group can be made: {why}"
    return None


@contextlib.contextmanager
def _group(place: Place, pid: int, share: float) -> Iterator[None]:
    folder = place.groups / f"okapi-install-{pid}"
    folder.mkdir()
    try:
        for name, value in place.limits(share).items():
            (folder / name).write_text(value)
        (folder / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        _remove(folder, place.own)


def _remove(folder: Path, home: Path) -> None:
    """Moves out who is in it, and removes it. One who ended is in it until it is gone."""
    for _ in range(100):
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (home / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
    folder.rmdir()
