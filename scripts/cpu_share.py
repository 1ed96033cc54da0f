"""Limits the CPU time of processes as a container's `cpus:` does, by a Linux control group with a quota.

It does not know what the processes do. Periods are short, so that processes are slowed down and never freeze. Only
groups created here are changed, and they are removed again. Without the permission to create one nothing is limited.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PERIOD = 10_000
"""Microseconds. With Linux's default of 100 ms a process would run for a while and then pause for long."""

LEAST = 1_000
"""Microseconds. The smallest quota that Linux accepts for a period."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The folder where groups can be created, and the folder of this process's own group."""

    groups: Path
    own: Path
    unified: bool

    @classmethod
    def found(cls, process: Path = Path("/proc/self")) -> Place | None:
        """The place on this machine, read from /proc; None if CPU cannot be limited."""
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
        """The contents to write to files of a group, in this order."""
        period = max(PERIOD, math.ceil(LEAST / share))
        quota = round(share * period)
        if self.unified:
            return {"cpu.max": f"{quota} {period}"}
        return {"cpu.cfs_period_us": str(period), "cpu.cfs_quota_us": str(quota)}


def _unified(root: Path, own: Path) -> Place | None:
    """The place in the unified hierarchy. Groups are created beside the own one: only the root may contain both
    processes and limited groups.
    """
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
        """The folder of a group. In a container its path may not be mounted; the group is then the root."""
        inside = path.removeprefix(self.root) if self.root != "/" else path
        folder = self.folder / inside.lstrip("/")
        return folder if folder.is_dir() else self.folder


def _mounts(text: str) -> Iterator[_Mount]:
    """The mounts in a text as in proc_pid_mountinfo(5)."""
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        words, kind = before.split(), after.split()
        if kind and kind[0] in ("cgroup", "cgroup2"):
            unified = kind[0] == "cgroup2"
            options = frozenset() if unified else frozenset(kind[-1].split(","))
            yield _Mount(folder=Path(words[4]), root=words[3], unified=unified, options=options)


def _own_paths(text: str) -> dict[str, str]:
    """The path of the own group by controller (cgroups(7)). The unified hierarchy has the empty name."""
    lines = [line.split(":", 2) for line in text.splitlines()]
    return {name: path for _, names, path in lines for name in names.split(",")}


@contextlib.contextmanager
def limited(pids: Iterable[int], share: float) -> Iterator[str | None]:
    """Limits each process, with its children, to `share` cores (0.5 is half a core) while the context lasts.

    Yields None if all are limited, else why none is.
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
    """Moves the processes out of the group and removes it. An ended process stays in it until it is reaped."""
    for _ in range(100):
        for pid in (folder / "cgroup.procs").read_text().split():
            with contextlib.suppress(ProcessLookupError):
                (home / "cgroup.procs").write_text(pid)
        with contextlib.suppress(OSError):
            folder.rmdir()
            return
        time.sleep(0.05)
    folder.rmdir()
