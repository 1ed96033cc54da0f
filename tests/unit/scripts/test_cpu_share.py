"""The limit for CPU time: where Linux says that groups can be made, what is written there, and that nothing is left."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.cpu_share import Place, limited

NO_PROCESS = 2**31 - 1


class Machine:
    """What Linux tells of a process, and folders where it says that control groups are mounted."""

    def __init__(self, folder: Path) -> None:
        self.process = folder / "process"
        self.process.mkdir()
        self.mounts = folder / "mounts"

    def tells(self, cgroup: str, *mountinfo: str) -> Place | None:
        """The place that is found by it; `MOUNTS` stands for the folder of the mounts."""
        (self.process / "cgroup").write_text(cgroup)
        lines = "\n".join(mountinfo).replace("MOUNTS", str(self.mounts))
        (self.process / "mountinfo").write_text(lines + "\n")
        return Place.found(self.process)

    def group(self, path: str, controllers: str = "") -> Path:
        """A group that is there, and the controllers that groups in it have."""
        folder = self.mounts / path
        folder.mkdir(parents=True)
        (folder / "cgroup.subtree_control").write_text(controllers)
        return folder


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine without control groups."""
    return Machine(tmp_path)


V1 = "31 23 0:27 / MOUNTS/cpu rw,relatime - cgroup cgroup rw,cpu,cpuacct"
V2 = "32 23 0:28 / MOUNTS/unified rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
DISK = "22 1 254:0 / / rw,relatime - ext4 /dev/root rw"


def test_with_separate_hierarchies_a_group_is_made_in_the_own_one(machine: Machine) -> None:
    """Version 1 of the control groups."""
    own = machine.group("cpu/user")

    found = machine.tells("4:memory:/\n3:cpu,cpuacct:/user\n0::/\n", DISK, V1, V2)

    assert found == Place(groups=own, own=own, unified=False)


def test_in_the_unified_hierarchy_a_group_is_made_beside_the_own_one(machine: Machine) -> None:
    """Version 2: a group that holds processes gives none of its controllers on."""
    parent = machine.group("unified/user.slice", "cpuset cpu memory")
    own = machine.group("unified/user.slice/session.scope")

    found = machine.tells("0::/user.slice/session.scope\n", DISK, V2)

    assert found == Place(groups=parent, own=own, unified=True)


def test_in_the_root_of_the_unified_hierarchy_a_group_is_made_below_it(machine: Machine) -> None:
    """The root may hold both."""
    root = machine.group("unified", "cpu")

    assert machine.tells("0::/\n", V2) == Place(groups=root, own=root, unified=True)


def test_a_group_that_a_container_does_not_see_is_the_root_of_what_it_sees(machine: Machine) -> None:
    """Linux tells the path on the host."""
    root = machine.group("cpu")

    found = machine.tells("3:cpu,cpuacct:/docker/0123\n", V1)

    assert found == Place(groups=root, own=root, unified=False)


def test_without_the_cpu_controller_there_is_no_place(machine: Machine) -> None:
    """Nothing is switched on for it."""
    machine.group("unified/user.slice", "memory pids")
    machine.group("unified/user.slice/session.scope")

    assert machine.tells("0::/user.slice/session.scope\n", V2) is None


def test_a_machine_that_tells_nothing_has_no_place(machine: Machine) -> None:
    """Such as one without /proc."""
    assert Place.found(machine.process) is None


@pytest.mark.parametrize(
    ("share", "quota", "period"), [(0.25, 2500, 10000), (1.5, 15000, 10000), (0.1, 1000, 10000), (0.04, 1000, 25000)]
)
def test_a_share_is_a_quota_in_a_short_period(share: float, quota: int, period: int, tmp_path: Path) -> None:
    """Linux takes no quota of less than a millisecond: for a very small share the period grows."""
    apart = Place(groups=tmp_path, own=tmp_path, unified=False)
    unified = Place(groups=tmp_path, own=tmp_path, unified=True)

    assert list(apart.limits(share).items()) == [("cpu.cfs_period_us", str(period)), ("cpu.cfs_quota_us", str(quota))]
    assert unified.limits(share) == {"cpu.max": f"{quota} {period}"}


@pytest.fixture
def child() -> Iterator[subprocess.Popen[bytes]]:
    """A process that does nothing."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        yield process
        process.kill()


def groups_of(process: subprocess.Popen[bytes]) -> str:
    """The control groups that it is in; empty on a machine without."""
    told = Path(f"/proc/{process.pid}/cgroup")
    return told.read_text() if told.exists() else ""


def test_a_process_is_in_a_group_of_its_own_until_the_end_or_it_is_told_why_not(
    child: subprocess.Popen[bytes],
) -> None:
    """The right to make groups is not everybody's."""
    before = groups_of(child)

    with limited([child.pid], 0.5) as why_not:
        inside = groups_of(child)

    assert (inside == before) == (why_not is not None)
    assert groups_of(child) == before


def test_a_group_whose_process_was_killed_is_removed_too(child: subprocess.Popen[bytes]) -> None:
    """Nobody has taken note of its end yet."""
    place = Place.found()

    with limited([child.pid], 0.5):
        child.kill()

    assert place is None or not (place.groups / f"okapi-install-{child.pid}").exists()


def test_if_one_process_cannot_be_limited_none_is(child: subprocess.Popen[bytes]) -> None:
    """A comparison of processes with and without a limit would say nothing."""
    before = groups_of(child)

    with limited([child.pid, NO_PROCESS], 0.5) as why_not:
        assert why_not is not None
        assert groups_of(child) == before
