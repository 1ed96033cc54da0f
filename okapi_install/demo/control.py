"""The control paths of the simulated back end: set behaviours, read what was called, open and close doors.

PUT    /control/behaviours   one behaviour or a list of them; the one set last wins
DELETE /control/behaviours   every call succeeds at once again
GET    /control/calls        calls, oldest first; ?module=&tenant=&call=&method= narrow them down
DELETE /control/calls        forget calls, counts and peaks
GET    /control/counts       calls by tenant, module and kind
GET    /control/running      changes in progress, the most at once, by tenant
GET    /control/jobs         the tenant jobs that are known
PUT    /control/doors        {"module", "open"}: a port of the module's own; closed, it refuses connections
POST   /control/reset        forget all of that, end all tenant jobs
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from okapi_install.demo.behaviours import BehaviourError, Rulebook, parse_behaviour
from okapi_install.demo.doors import Doors
from okapi_install.demo.ledger import Ledger
from okapi_install.demo.modules import SimulatedModules
from okapi_install.demo.tenant_jobs import SimulatedJobs
from okapi_install.demo.wire import Reply, Request


class Control:
    """Answers control paths, and sends all else to the modules."""

    def __init__(
        self, modules: SimulatedModules, rules: Rulebook, ledger: Ledger, jobs: SimulatedJobs, doors: Doors
    ) -> None:
        self._modules = modules
        self._rules = rules
        self._ledger = ledger
        self._jobs = jobs
        self._doors = doors
        self._reads: dict[str, Callable[[], object]] = {
            "/control/counts": ledger.count_document,
            "/control/running": ledger.running_document,
            "/control/jobs": jobs.documents,
        }
        self._deletes: dict[str, Callable[[], None]] = {
            "/control/behaviours": rules.clear,
            "/control/calls": ledger.forget,
        }
        self._writes: dict[tuple[str, str], Callable[[object], Awaitable[Reply]]] = {
            ("PUT", "/control/behaviours"): self._put_behaviours,
            ("POST", "/control/finish"): self._finish,
            ("PUT", "/control/doors"): self._put_door,
            ("POST", "/control/reset"): self._reset,
        }

    async def handle(self, request: Request) -> Reply:
        """Answers any request."""
        if not request.path.startswith("/control/"):
            return await self._modules.handle(request)
        if request.method == "GET" and request.path == "/control/calls":
            return Reply.of(200, self._ledger.select(request.query))
        if request.method == "GET" and request.path in self._reads:
            return Reply.of(200, self._reads[request.path]())
        if request.method == "DELETE" and request.path in self._deletes:
            self._deletes[request.path]()
            return Reply(status=204)
        return await self._write(request)

    async def _write(self, request: Request) -> Reply:
        write = self._writes.get((request.method, request.path))
        if write is None:
            return Reply.of(404, f"no such control: {request.method} {request.path}")
        try:
            return await write(request.document())
        except ValueError as problem:
            return Reply.of(400, str(problem))

    async def _put_behaviours(self, document: object) -> Reply:
        self._rules.put([parse_behaviour(d) for d in (document if isinstance(document, list) else [document])])
        return Reply(status=204)

    async def _finish(self, document: object) -> Reply:
        module = document.get("module") if isinstance(document, dict) else None
        return Reply.of(200, {"finished": self._jobs.finish(module)})

    async def _put_door(self, document: object) -> Reply:
        if not isinstance(document, dict) or not isinstance(document.get("module"), str):
            raise BehaviourError("a door needs a module")
        url = await self._doors.put(document["module"], is_open=document.get("open") is not False)
        return Reply.of(200, {"url": url})

    async def _reset(self, _document: object) -> Reply:
        self._rules.clear()
        self._jobs.forget_all()
        self._ledger.forget()
        await self._doors.close_all()
        return Reply(status=204)
