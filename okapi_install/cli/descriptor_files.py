"""Module descriptors and instances in files: what `modules import` and `modules announce` read."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from okapi_install.client.registry import Descriptor, Instance
from okapi_install.domain.modules.versions import ModuleId


def read_json(name: str) -> Any:
    """The document of a file, or of the standard input (`-`). Raises click.BadParameter."""
    try:
        return json.loads(sys.stdin.read() if name == "-" else Path(name).read_text("utf-8"))
    except OSError as problem:
        raise click.BadParameter(f"{name}: {problem.strerror}") from problem
    except ValueError as problem:
        raise click.BadParameter(f"{name} is not JSON: {problem}") from problem


def read_descriptors(names: Iterable[str]) -> list[Descriptor]:
    """The descriptors of files and directories. A file has one, or a list of them; a directory has files `*.json`.

    Raises:
        click.BadParameter: a file cannot be read, or has something else.
    """
    found: list[Descriptor] = []
    for name in names:
        files = sorted(Path(name).glob("*.json")) if Path(name).is_dir() else [name]
        if not files:
            raise click.BadParameter(f"{name} has no file *.json")
        for file in files:
            found += _descriptors(str(file))
    return found


def _descriptors(name: str) -> list[Descriptor]:
    document = read_json(name)
    items = document if isinstance(document, list) else [document]
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("id"), str):
            raise click.BadParameter(f"{name}: {json.dumps(item)[:80]} is not a module descriptor: it has no id")
        if "action" in item:
            raise click.BadParameter(f"{name} lists modules to install, and has no descriptors: use install for it")
    return items


def by_requirements(descriptors: Sequence[Descriptor]) -> list[Descriptor]:
    """The same descriptors, each after those that provide what it requires. Circular requirements keep their order."""
    providers: dict[str, list[int]] = defaultdict(list)
    for place, descriptor in enumerate(descriptors):
        for interface in _ids(descriptor.get("provides")):
            providers[interface].append(place)
    order: dict[int, None] = {}
    seen: set[int] = set()
    for start in range(len(descriptors)):
        stack = [start]
        while stack:
            place = stack[-1]
            if place in seen:
                order.setdefault(stack.pop())
                continue
            seen.add(place)
            needed = _ids(descriptors[place].get("requires")) + _ids(descriptors[place].get("optional"))
            stack += [other for interface in reversed(needed) for other in providers[interface] if other not in seen]
    return [descriptors[place] for place in order]


def _ids(interfaces: object) -> list[str]:
    listed = interfaces if isinstance(interfaces, list) else []
    return [str(i.get("id")) for i in listed if isinstance(i, dict)]


def read_instances(arguments: Iterable[str], template: str | None) -> list[Instance]:
    """The instances that arguments name: `MODULE=URL`, a file, or a module id whose URL comes from the template.

    Raises:
        click.BadParameter: a file cannot be read, or an instance has no URL.
    """
    found: list[Instance] = []
    for argument in arguments:
        if argument == "-" or argument.startswith("@") or argument.endswith(".json"):
            found += _instances(argument.removeprefix("@"), template)
            continue
        module, _, url = argument.partition("=")
        found.append(Instance(module=module, url=url or _filled(template, module)))
    return found


def _instances(name: str, template: str | None) -> list[Instance]:
    """A file has an object of URLs by module, Okapi's deployment descriptors, or module ids as in install.json."""
    document = read_json(name)
    if isinstance(document, dict):
        return [Instance(module=str(module), url=str(url)) for module, url in document.items()]
    if not isinstance(document, list):
        raise click.BadParameter(f"{name}: expected an object of URLs by module, or a list")
    items = [item if isinstance(item, dict) else {"id": item} for item in document]
    return [_instance(item, name, template) for item in items if "srvcId" in item or not _is_user_interface(item)]


def _instance(item: Mapping[str, Any], name: str, template: str | None) -> Instance:
    module = item.get("srvcId") or item.get("id")
    if not isinstance(module, str):
        raise click.BadParameter(f"{name}: {json.dumps(item)[:80]} names no module")
    url = item.get("url")
    return Instance(module=module, url=str(url) if url else _filled(template, module), id=item.get("instId"))


def _is_user_interface(item: Mapping[str, Any]) -> bool:
    """FOLIO's modules for the browser run nowhere; a release lists them with the others."""
    return str(item.get("id")).startswith("folio_")


def _filled(template: str | None, module: str) -> str:
    if template is None:
        raise click.BadParameter(f"{module} has no URL: name it as {module}=http://HOST:PORT, or add --template")
    parsed = ModuleId.parse(module)
    version = module.removeprefix(parsed.product).removeprefix("-")
    for name, value in (("{id}", module), ("{product}", parsed.product), ("{version}", version)):
        template = template.replace(name, value)
    return template
