"""The simulated back end as a process: `python -m okapi_install.demo.backend [--port N] [--until-eof]`.

Prints one line, `module back end on http://127.0.0.1:PORT`, when it listens. Standard library only.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import signal
import sys
import time

from okapi_install.demo.behaviours import Rulebook
from okapi_install.demo.control import Control
from okapi_install.demo.doors import Doors
from okapi_install.demo.ledger import Ledger
from okapi_install.demo.modules import SimulatedModules
from okapi_install.demo.tenant_jobs import SimulatedJobs
from okapi_install.demo.wire import Wire

READY = "module back end on "
_BACKLOG = 1024


def build() -> Control:
    """A back end that has been told nothing yet."""
    rules, jobs, doors = Rulebook(time.monotonic), SimulatedJobs(), Doors()
    ledger = Ledger(time.monotonic)
    control = Control(SimulatedModules(rules, ledger, jobs), rules, ledger, jobs, doors)
    doors.lead_to(control.handle)
    return control


async def serve(port: int, *, until_eof: bool) -> None:
    """Listens until SIGTERM or SIGINT; with `until_eof` also until the standard input ends."""
    control = build()
    loop = asyncio.get_running_loop()
    over = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    if until_eof:
        loop.add_reader(0, lambda: None if os.read(0, 4096) else over.set())
    server = await loop.create_server(lambda: Wire(control.handle), "127.0.0.1", port, backlog=_BACKLOG)
    sys.stdout.write(f"{READY}http://127.0.0.1:{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await over.wait()
    server.close()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Plays the tenant interface of FOLIO modules.")
    parser.add_argument("--port", type=int, default=0, help="0: any free port (default)")
    parser.add_argument("--until-eof", action="store_true", help="ends when the standard input ends")
    args = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(args.port, until_eof=args.until_eof))


if __name__ == "__main__":
    main()
