"""The control paths of the simulated back end.

PUT    /control/behaviours   sets one behaviour or a list of them; the one set last wins
DELETE /control/behaviours   removes all: every call succeeds at once
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from okapi_install.demo.behaviours import Behaviour, Rulebook, parse_behaviour
from okapi_install.demo.modules import SimulatedModules
from okapi_install.demo.wire import Reply, Request


class Control:
    """Handles control paths, and passes other requests to the modules. `writes` maps method and path to an action."""

    parse: Callable[[object], Behaviour] = staticmethod(parse_behaviour)

    def __init__(self, modules: SimulatedModules, rules: Rulebook) -> None:
        self._modules = modules
        self._rules = rules
        self.writes: dict[tuple[str, str], Callable[[object], Awaitable[Reply]]] = {
            ("PUT", "/control/behaviours"): self._put_behaviours,
            ("DELETE", "/control/behaviours"): self._clear_behaviours,
        }

    async def handle(self, request: Request) -> Reply:
        """The reply to any request."""
        if not request.path.startswith("/control/"):
            return await self._modules.handle(request)
        write = self.writes.get((request.method, request.path))
        if write is None:
            return Reply.of(404, f"no such control: {request.method} {request.path}")
        try:
            return await write(request.document() if request.body else None)
        except ValueError as problem:
            return Reply.of(400, str(problem))

    async def _put_behaviours(self, document: object) -> Reply:
        self._rules.put([self.parse(d) for d in (document if isinstance(document, list) else [document])])
        return Reply(status=204)

    async def _clear_behaviours(self, _document: object) -> Reply:
        self._rules.clear()
        return Reply(status=204)
