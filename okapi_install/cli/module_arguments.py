"""The modules that a command line names: ids, products, and files such as a FOLIO release's install.json."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

Module = dict[str, Any]


def modules_of(arguments: Iterable[str], action: str) -> list[Module]:
    """The modules as Okapi's install request lists them. `action` applies to those that state none.

    An argument is a file if it ends with `.json` or begins with `@`, the standard input if it is `-`, else an id.

    Raises:
        click.BadParameter: a file cannot be read, or does not contain a list of modules.
    """
    found: list[Module] = []
    for argument in arguments:
        if argument == "-" or argument.startswith("@") or argument.endswith(".json"):
            found += [_module(item, action, argument) for item in _items(argument)]
        else:
            found.append({"id": argument, "action": action})
    return found


def modules_of_file(name: str, action: str) -> list[Module]:
    """The modules of a file, whatever its name, or of the standard input (`-`). Raises click.BadParameter."""
    return modules_of([name if name == "-" else f"@{name.removeprefix('@')}"], action)


def _items(argument: str) -> list[object]:
    name = argument.removeprefix("@")
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
        document = json.loads(text)
    except OSError as problem:
        raise click.BadParameter(f"{name}: {problem.strerror}", param_hint="MODULES") from problem
    except ValueError as problem:
        raise click.BadParameter(f"{name} is not JSON: {problem}", param_hint="MODULES") from problem
    if not isinstance(document, list):
        raise click.BadParameter(f"{name}: expected a list of modules, as in install.json", param_hint="MODULES")
    return document


def _module(item: object, action: str, argument: str) -> Module:
    if isinstance(item, str):
        return {"id": item, "action": action}
    if isinstance(item, dict) and isinstance(item.get("id"), str):
        return item if "action" in item else item | {"action": action}
    raise click.BadParameter(f"{argument}: {json.dumps(item)} is not a module: it has no id", param_hint="MODULES")
