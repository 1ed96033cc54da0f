"""The simulated back end as a process: `python -m okapi_install.demo.backend [--port N] [--until-eof]`.

Prints the line `module back end on http://127.0.0.1:PORT` once it listens. Uses the standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

from okapi_install.demo.behaviours import Rulebook
from okapi_install.demo.control import Control
from okapi_install.demo.modules import SimulatedModules
from okapi_install.demo.tenant_jobs import SimulatedJobs
from okapi_install.demo.wire import Wire

READY = "module back end on "
_BACKLOG = 1024


def build() -> Control:
    """A back end without rules."""
    rules = Rulebook(time.monotonic)
    return Control(SimulatedModules(rules, SimulatedJobs()), rules)


async def serve(control: Control, wire: type[Wire], port: int, *, until_eof: bool) -> None:
    """Serves until SIGTERM or SIGINT; with `until_eof` also until standard input ends."""
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if until_eof:
        loop.add_reader(0, lambda: None if os.read(0, 4096) else over.set())
    server = await loop.create_server(lambda: wire(control.handle), "127.0.0.1", port, backlog=_BACKLOG)
    sys.stdout.write(f"{READY}http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await over.wait()
    server.close()


def main(build: Callable[[], Control], wire: type[Wire] = Wire) -> None:
    """Runs the back end that `build` makes, with the options of the command line."""
    parser = argparse.ArgumentParser(description="Simulates the tenant interface of FOLIO modules.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 (the default) picks a free one")
    parser.add_argument("--until-eof", action="store_true", help="exit when standard input ends")
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(build(), wire, args.port, until_eof=args.until_eof))


if __name__ == "__main__":
    main(build)
