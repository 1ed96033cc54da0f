"""Back-end modules as a function: what each call is answered with, and which calls came."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from okapi_install.service.ports import Answer, ModuleUnreachable


@dataclass(frozen=True)
class Call:
    """A call that came: `path` with its query."""

    method: str
    module: str
    path: str
    headers: Mapping[str, str]
    body: object


Script = Callable[[Call], Answer | ModuleUnreachable]


def answer(status: int = 200, body: object = None, **headers: str) -> Answer:
    """An answer; a body that is no text is sent as JSON."""
    text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Answer(status=status, headers={name.lower(): value for name, value in headers.items()}, body=text)


@dataclass
class FakeModules:
    """See ports.TenantApi. Modules live at http://modules/<id>; `scripts` decides by module id, else all is well."""

    scripts: dict[str, Script] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    timeouts: list[float | None] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)

    def call(self, method: str, url: str, headers: Mapping[str, str], body: str, timeout: float | None) -> Answer:
        """Records the call and answers it."""
        self.urls.append(url)
        target = urlsplit(url)
        _, module, rest = target.path.split("/", 2)
        path = f"/{rest}?{target.query}" if target.query else f"/{rest}"
        call = Call(method, module, path, headers, json.loads(body) if body else None)
        self.calls.append(call)
        self.timeouts.append(timeout)
        script = self.scripts.get(module)
        found = script(call) if script is not None else answer()
        if isinstance(found, ModuleUnreachable):
            raise found
        return found

    def seen(self) -> list[str]:
        """The calls as `METHOD module path`, without queries."""
        return [f"{c.method} {c.module} {c.path.partition('?')[0]}" for c in self.calls]
