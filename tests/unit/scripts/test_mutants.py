"""The score of `make mutants`."""

from __future__ import annotations

from collections import Counter
from configparser import ConfigParser
from pathlib import Path

from scripts.mutants import outcomes, pattern, remove_stale, score, table
from tests.fixtures.parts import ROOT

_PATHS = ("source_paths", "only_mutate", "do_not_mutate", "also_copy", "pytest_add_cli_args_test_selection")

RESULTS = """
    okapi_install.domain.jobs.x_free__mutmut_1: killed
    okapi_install.domain.jobs.x_free__mutmut_2: survived
    okapi_install.domain.jobs.x_free__mutmut_3: timeout
    okapi_install.domain.jobs.x_lone__mutmut_1: no tests
    okapi_install.service.worker.lease.xǁLeaseǁcheck__mutmut_1: caught by type check
    okapi_install.domain.errors.x_of__mutmut_1: not checked
""".splitlines()


def test_a_file_and_a_folder_are_named_as_mutmut_names_them() -> None:
    assert pattern("okapi_install/service/worker/lease.py") == "okapi_install.service.worker.lease.*"
    assert pattern("okapi_install/domain/") == "okapi_install.domain.*"


def test_what_no_test_reaches_counts_as_not_caught() -> None:
    assert score(Counter(killed=2, timeout=1, survived=1, **{"no tests": 1})) == "3/5 = 60.0%"
    assert score(Counter({"not checked": 3})) == "not tested"


def test_the_table_has_a_score_for_each_module_and_names_what_was_not_caught() -> None:
    lines = table(outcomes(RESULTS))
    assert [line.split(maxsplit=1) for line in lines[:2]] == [
        ["okapi_install.domain.jobs", "2/4 = 50.0%"],
        ["okapi_install.service.worker.lease", "1/1 = 100.0%"],
    ]
    assert lines[2].split() == ["all", "of", "these", "3/5", "=", "60.0%"]
    assert lines[3:] == [
        "1 mutants have not been tested",
        "  okapi_install.domain.jobs.x_free__mutmut_2: survived",
        "  okapi_install.domain.jobs.x_lone__mutmut_1: no tests",
    ]


def test_what_has_moved_is_removed_from_the_copy_and_what_was_found_out_stays(tmp_path: Path) -> None:
    source, copy = tmp_path, tmp_path / "mutants"
    for path in ("rooms/here.py", "rooms/data.json", "rooms/unchanged.py"):
        (source / path).parent.mkdir(exist_ok=True)
        (source / path).touch()
    for path in ("here.py", "here.py.meta", "data.json", "unchanged.py", "gone.py", "gone.py.meta"):
        (copy / "rooms").mkdir(parents=True, exist_ok=True)
        (copy / "rooms" / path).touch()
    (copy / "mutmut-stats.json").touch()
    remove_stale(copy, source)
    left = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    assert left == {"mutmut-stats.json", "rooms/here.py", "rooms/here.py.meta"}


def test_the_rooms_and_tests_of_a_run_are_there() -> None:
    config = ConfigParser()
    config.read(ROOT / "setup.cfg")
    named = [line for key in _PATHS for line in config["mutmut"][key].splitlines() if line]
    assert named
    assert [path for path in named if not list(ROOT.glob(path))] == []
