"""The shape check itself: it sees what it is there to see, and lets the rest pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import shape

DEEP = "def f() -> None:\n" + "".join("    " * n + "if True:\n" for n in range(1, 5)) + "    " * 5 + "pass\n"
FLAT = "def f(x: int) -> int:\n    if x:\n        return 1\n" + "    elif x:\n        return 2\n" * 6 + "    return 3\n"


def checked(folder: Path, **files: str) -> int:
    """Writes a package `okapi_install` with these modules and checks it; the exit code."""
    package = folder / "okapi_install"
    package.mkdir()
    for name, source in files.items():
        (package / f"{name}.py").write_text(f'"""A module."""\n{source}', encoding="utf-8")
    return shape.main([str(package)])


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("def f() -> None:\n" + "    x = 1\n" * 40, "f: 41 lines, at most 40"),
        (DEEP, "f: nests 4 deep, at most 3"),
        ("def _f(x) -> None: ...\n", "_f: not fully annotated"),
        ("def _f(*x) -> None: ...\n", "_f: not fully annotated"),
        ("def _f(): ...\n", "_f: not fully annotated"),
        ("class _C:\n    def __init__(self):\n        pass\n", "__init__: not fully annotated"),
        ("def f() -> None: ...\n", "f: no docstring"),
        ('class C:\n    """C."""\n    def m(self) -> None: ...\n', "m: no docstring"),
        ("\n" * 500, "501 lines, at most 500"),
    ],
)
def test_what_is_out_of_shape_is_named(
    source: str, complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(tmp_path, room=source) == 1
    assert complaint in capsys.readouterr().out


def test_a_folder_with_too_many_files_of_its_own_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(tmp_path, **{f"room{number}": "" for number in range(17)}) == 1
    assert "okapi_install: 17 files, at most 16" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("import okapi_install.two\n", "import okapi_install.one\n"),
        ("from okapi_install import two\n", "def _f() -> None:\n    from okapi_install.one import x\n"),
        ("from . import two\n", "from .one import x\n"),
    ],
)
def test_modules_that_import_each_other_are_named(
    one: str, two: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(tmp_path, one=one, two=two) == 1
    assert "import cycle: okapi_install.one <-> okapi_install.two" in capsys.readouterr().out


@pytest.mark.parametrize(
    "source",
    [
        FLAT.replace("def f", "def _f"),
        'def f() -> None:\n    """F.\n' + "\n    More.\n" * 30 + '    """\n' + "    x = 1\n" * 39,
        "class _C:\n    def __init__(self, x: int):\n        self.x = x\n",
        "if TYPE_CHECKING:\n    import okapi_install.room\n",
    ],
)
def test_what_is_in_shape_passes(source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(tmp_path, room=source, other="import okapi_install.room\n") == 0
    assert capsys.readouterr().out == "shape: 2 files in shape\n"
