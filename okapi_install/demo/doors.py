"""Ports of single modules, so that one can refuse connections while the others answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from okapi_install.demo.wire import Handler, Reply, Request, Wire


@dataclass(slots=True)
class _Door:
    port: int
    server: asyncio.Server | None


class Doors:
    """Opens and closes ports on 127.0.0.1; a door that was closed opens on the same port again."""

    def __init__(self) -> None:
        self._doors: dict[str, _Door] = {}
        self._handler: Handler | None = None

    def lead_to(self, handler: Handler) -> None:
        """What answers behind the doors."""
        self._handler = handler

    async def put(self, module: str, *, is_open: bool) -> str:
        """Opens or closes the module's door; the base URL of the module there."""
        door = self._doors.get(module) or await self._new(module)
        if is_open and door.server is None:
            door.server = await self._listen(door.port)
        if not is_open and door.server is not None:
            door.server.close()
            door.server = None
        return f"http://127.0.0.1:{door.port}/m/{module}"

    async def close_all(self) -> None:
        """Closes and forgets all doors."""
        for module in list(self._doors):
            await self.put(module, is_open=False)
        self._doors.clear()

    async def _new(self, module: str) -> _Door:
        server = await self._listen(0)
        door = _Door(server.sockets[0].getsockname()[1], server)
        self._doors[module] = door
        return door

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(lambda: Wire(self._handle), "127.0.0.1", port)

    async def _handle(self, request: Request) -> Reply:
        if self._handler is None:
            return Reply.of(503, "this door leads nowhere")
        return await self._handler(request)
