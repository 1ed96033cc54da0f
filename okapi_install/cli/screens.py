"""Shows a job while it is followed: as a live table for a person, as lines for a log, or not at all."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from okapi_install.cli.terminal import Terminal
from okapi_install.cli.wording import duration, problem_lines
from okapi_install.client.errors import Unreachable
from okapi_install.client.progress import JobProgress, ModuleProgress
from okapi_install.domain.presentation.states import State


class Screen(Protocol):
    """Shows a job while it is followed, and connection problems meanwhile. A context manager."""

    def show(self, job: JobProgress) -> None:
        """Shows the job, which has changed."""

    def unavailable(self, problem: Unreachable) -> None:
        """Shows that the server is unavailable."""

    def available_again(self, seconds: float) -> None:
        """Shows for how long it was unavailable."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def screen_for(terminal: Terminal) -> Screen:
    """The screen for a terminal: live for a person, lines for a log, nothing when quiet."""
    return LiveScreen() if terminal.is_live else LineScreen(terminal)


class LineScreen:
    """Prints a line when a module starts, and one when it ends. Errors are in full in the result, at the end."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._known: dict[str, str | None] = {}
        self._waited: str | None = None
        self._ended = 0

    def show(self, job: JobProgress) -> None:
        """Prints what has changed since the last call."""
        self._say_why_it_waits(job)
        for module in job.modules:
            self._print_news(module, len(job.modules))

    def _say_why_it_waits(self, job: JobProgress) -> None:
        why = job.waiting
        if why is None and job.state is State.WAITING:
            why = "for a worker, or for another job of the tenant"
        if why is not None and why != self._waited:
            self._terminal.talk(f"{State.WAITING.word}: {why}")
        self._waited = why

    def _print_news(self, module: ModuleProgress, total: int) -> None:
        if self._known.get(module.id) == module.status:
            return
        self._known[module.id] = module.status
        if module.status == "running":
            self._terminal.talk(f"{module.id}: started")
        elif module.status is not None:
            self._ended += 1
            took = f" after {duration(module.seconds)}" if module.seconds is not None else ""
            self._terminal.talk(f"{module.id}: {module.state.word}{took} ({self._ended} of {total})")
            for line in problem_lines(module, short=True):
                self._terminal.talk(line)

    def unavailable(self, problem: Unreachable) -> None:
        """Prints that the server is unavailable."""
        self._terminal.warn(unavailable_text(problem))

    def available_again(self, seconds: float) -> None:
        """Prints for how long it was unavailable."""
        self._terminal.warn(available_text(seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        return


class LiveScreen:
    """A live table on standard error. It disappears at the end, when the result is printed."""

    def __init__(self) -> None:
        # Not needed in a pipe, and slow to import.
        from rich.console import Console
        from rich.live import Live

        from okapi_install.cli.live_table import LiveJob

        self._console = Console(stderr=True, highlight=False)
        self._table = LiveJob(self._console)
        self._live = Live(self._table, console=self._console, refresh_per_second=8, transient=True)

    def show(self, job: JobProgress) -> None:
        """Redraws the table."""
        self._table.show(job)

    def unavailable(self, problem: Unreachable) -> None:
        """Prints above the table that the server is unavailable."""
        self._console.print(unavailable_text(problem), style="yellow")

    def available_again(self, seconds: float) -> None:
        """Prints above the table for how long it was unavailable."""
        self._console.print(available_text(seconds), style="yellow")

    def __enter__(self) -> Self:
        self._live.start(refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()


def unavailable_text(problem: Unreachable) -> str:
    """The message for a server that has become unavailable."""
    return f"The server is unavailable ({problem.message}). The job does not need this command; retrying …"


def available_text(seconds: float) -> str:
    """The message for a server that is available again."""
    return f"The server is available again after {duration(seconds)}."
