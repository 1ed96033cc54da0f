"""`make mutants`: changes the code in one small place at a time with mutmut; counts the changes that no test notices.

The rooms that are changed and the tests that decide are in setup.cfg, under `[mutmut]`. A whole run takes hours. It can
be stopped with Ctrl-C, and the next one goes on from there; remove `mutants/` to start over. Files or folders as
arguments are always tested again.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_MUTMUT = [str(Path(sys.executable).with_name("mutmut"))]
_IN_THE_COPY = "cd mutants && ../.venv/bin/python -m pytest -x --rootdir=. tests/unit/domain tests/unit/service"
_FINDINGS = frozenset({".meta", ".spans"})
_CAUGHT = frozenset({"killed", "timeout", "segfault", "caught by type check"})
_TESTED = _CAUGHT | {"survived", "no tests", "suspicious"}


def pattern(path: str) -> str:
    """The names of the mutants of a file or folder, as mutmut's command takes them."""
    return ".".join(Path(path).with_suffix("").parts) + ".*"


def outcomes(lines: Iterable[str]) -> dict[str, str]:
    """What became of each mutant, by its name, from the lines of `mutmut results`."""
    pairs = (line.strip().rpartition(": ") for line in lines if ": " in line)
    return {name: outcome for name, _, outcome in pairs}


def remove_stale(copy: Path, source: Path) -> None:
    """Removes all but what was found out from mutmut's copy, which is made again.

    It would leave files there that are gone, old data, and the unchanged code of a file that is new in `[mutmut]`.
    """
    for path in [p for folder in copy.glob("*/") for p in folder.rglob("*") if p.is_file()]:
        found = path.suffix in _FINDINGS
        original = source / (path.with_suffix("") if found else path).relative_to(copy)
        if not original.is_file() or not (found or Path(f"{path}.meta").is_file()):
            path.unlink()


def score(counts: Mapping[str, int]) -> str:
    """The share of the tested mutants that the tests caught. A mutant that no test reaches is not caught."""
    caught, tested = (sum(counts.get(outcome, 0) for outcome in group) for group in (_CAUGHT, _TESTED))
    return f"{caught}/{tested} = {caught / tested:.1%}" if tested else "not tested"


def table(found: Mapping[str, str]) -> list[str]:
    """A line for each module that was tested, one for all, and one for each mutant that was not caught."""
    by_module: dict[str, Counter[str]] = {}
    for name, outcome in found.items():
        by_module.setdefault(name.rpartition(".")[0], Counter())[outcome] += 1
    tested = {module: counts for module, counts in sorted(by_module.items()) if counts.keys() & _TESTED}
    lines = [f"{module:<55} {score(counts)}" for module, counts in tested.items()]
    lines.append(f"{'all of these':<55} {score(Counter(found.values()))}")
    untested = sum(outcome not in _TESTED for outcome in found.values())
    if untested:
        lines.append(f"{untested} mutants have not been tested")
    return lines + [f"  {name}: {outcome}" for name, outcome in found.items() if outcome in _TESTED - _CAUGHT]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs mutmut, and prints the score of what was asked of it. The exit code is mutmut's, survivors are no error."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("paths", nargs="*", help="files or folders below okapi_install (without: all of [mutmut])")
    parser.add_argument("--processes", default="2", help="mutants that are tested at the same time")
    given = parser.parse_args(arguments)
    if absent := [path for path in given.paths if not Path(path).exists()]:
        parser.error(f"there is no {absent[0]}")
    names = [pattern(path) for path in given.paths]
    signal.signal(signal.SIGINT, lambda *_: None)  # Ctrl-C is mutmut's to handle; what it has found is printed
    remove_stale(Path("mutants"), Path())
    ran = subprocess.run([*_MUTMUT, "run", "--max-children", given.processes, *names], check=False)  # noqa: S603
    if ran.returncode:
        print(f"mutmut stopped. Where tests fail in its copy of the code, this shows them: {_IN_THE_COPY}")
        return ran.returncode
    told = subprocess.run([*_MUTMUT, "results", "--all", "true"], check=True, capture_output=True, text=True)  # noqa: S603
    found = outcomes(told.stdout.splitlines())
    asked = tuple(name.removesuffix("*") for name in names) or ("",)
    print("\n".join(table({name: outcome for name, outcome in found.items() if name.startswith(asked)})))
    print("See one with: .venv/bin/mutmut show NAME")
    return ran.returncode


if __name__ == "__main__":
    sys.exit(main())
