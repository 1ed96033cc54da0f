"""A job as a live table: a progress bar with an estimate, and the modules that matter now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from okapi_install.cli.wording import COLOURS, duration, number_of, problem_text, verb
from okapi_install.client.progress import JobProgress, ModuleProgress
from okapi_install.domain.presentation.states import OF_MODULES, State

_FRAME_LINES = 6
_MARKS = {
    State.DONE: ("✔", "green"),
    State.FAILED: ("✘", "red"),
    State.STOPPED: ("■", "yellow"),
    State.SKIPPED: ("»", "yellow"),
    State.NOT_STARTED: ("·", "dim"),
    State.NOT_RUN: ("·", "dim"),
}
_PLAIN_MARKS = {
    State.DONE: "+",
    State.FAILED: "!",
    State.STOPPED: "#",
    State.SKIPPED: ">",
    State.NOT_STARTED: ".",
    State.NOT_RUN: ".",
}
_UNTOUCHED = (State.NOT_STARTED, State.NOT_RUN)


@dataclass(slots=True)
class LiveJob:
    """Renders the job that `show` received last; running times advance between two responses of the server."""

    console: Console
    job: JobProgress | None = None
    _received: float = 0.0
    _furthest: float = 0.0
    _spinner: Spinner = field(default_factory=lambda: Spinner("dots"))

    def show(self, job: JobProgress) -> None:
        """Sets the job to render."""
        self.job, self._received = job, self.console.get_time()

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Renders the job as it is at this moment."""
        if self.job is None:
            yield Text("waiting for the server …", style="dim")
            return
        since = 0.0 if self.job.complete else console.get_time() - self._received
        yield self._headline(self.job, since)
        yield self._bar(self.job)
        yield self._table(self.job, since, most=max(console.height - _FRAME_LINES, 4), ascii_only=options.ascii_only)

    def _headline(self, job: JobProgress, since: float) -> Text:
        text = Text.assemble((f"{job.kind} of {job.tenant}", "bold"), (f"  {job.state.word}", _job_style(job)))
        if job.seconds is not None:
            text.append(f"  {duration(job.seconds + since)}")
        if job.waiting:
            text.append(f", {job.waiting}", style="yellow")
        if job.estimate and not job.complete:
            text.append(f", {job.estimate}", style="dim")
        return text.append(f"  job {job.id}", style="dim")

    def _bar(self, job: JobProgress) -> RenderableType:
        done = len(job.of_status("done")) + len(job.of_status("error"))
        self._furthest = max(self._furthest, fraction(job))
        grid = Table.grid(padding=(0, 1))
        style = "red" if job.in_state(State.FAILED) else "green"
        bar = ProgressBar(total=1.0, completed=self._furthest, width=50, complete_style=style, finished_style=style)
        grid.add_row(bar, Text(f"{done}/{len(job.modules)}"))
        return grid

    def _table(self, job: JobProgress, since: float, *, most: int, ascii_only: bool) -> Table:
        table = Table(box=None, show_header=True, header_style="dim", pad_edge=False, padding=(0, 1), expand=True)
        for title, justify in (("", "left"), ("MODULE", "left"), ("ACTION", "left"), ("STAGE", "left")):
            table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]  # one of rich's literals
        table.add_column("STATE", no_wrap=True)
        table.add_column("TIME", justify="right", no_wrap=True, min_width=7)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        shown = choose_rows(job.modules, most)
        for module in shown:
            table.add_row(*self._row(module, since, ascii_only=ascii_only))
        hidden = hidden_text(job.modules, shown)
        if hidden:
            table.add_row("", Text(hidden, style="dim"))
        return table

    def _row(self, module: ModuleProgress, since: float, *, ascii_only: bool) -> tuple[RenderableType, ...]:
        running = module.state is State.RUNNING
        seconds = module.seconds + since if running and module.seconds is not None else module.seconds
        mark: RenderableType = (
            self._spinner if running and not ascii_only else _mark(module.state, ascii_only=ascii_only)
        )
        style = "dim" if module.state in _UNTOUCHED else ""
        return (
            mark,
            Text(module.id, style=style),
            Text(verb(module.action, module.id, module.from_id), style="dim"),
            Text(module.stage or "", style=style),
            Text("" if module.state in _UNTOUCHED else module.state.word, style=COLOURS.get(module.state, "")),
            Text(duration(seconds)),
            note(module),
        )


def fraction(job: JobProgress) -> float:
    """A job's progress from 0 to 1: by expected time where that is known, else by the number of finished modules."""
    if job.complete:
        return 1.0
    if job.remaining is not None and job.seconds is not None:
        whole = job.seconds + job.remaining
        return min(job.seconds / whole, 0.99) if whole > 0 else 0.0
    ended = len(job.of_status("done")) + len(job.of_status("error"))
    return ended / len(job.modules) if job.modules else 0.0


def choose_rows(modules: Sequence[ModuleProgress], most: int) -> list[ModuleProgress]:
    """At most `most` modules, in plan order. Failed and running ones come first, then the next, then the last done."""
    if len(modules) <= most:
        return list(modules)
    places = range(len(modules))
    failed = [p for p in places if modules[p].state in (State.FAILED, State.STOPPED)]
    running = [p for p in places if modules[p].state is State.RUNNING]
    pending = [p for p in places if modules[p].state in _UNTOUCHED]
    done = [p for p in reversed(places) if modules[p].state is State.DONE]
    skipped = [p for p in places if modules[p].state is State.SKIPPED]
    room = most - 1
    order = [*failed, *running, *pending[: room // 3], *done, *pending[room // 3 :], *skipped]
    return [modules[place] for place in sorted(order[:room])]


def hidden_text(modules: Sequence[ModuleProgress], shown: Sequence[ModuleProgress]) -> str:
    """How many modules in which state are not shown; empty if all are shown."""
    left = list(modules)
    for module in shown:
        left.remove(module)
    if not left:
        return ""
    counts = Counter(module.state for module in left)
    parts = ", ".join(f"{counts[state]} {state.word}" for state in OF_MODULES if counts[state])
    return f"and {number_of(len(left), 'module')} more: {parts}"


def note(module: ModuleProgress) -> Text:
    """The remark beside a module's state: why it failed, its warnings, or how long it took before."""
    if module.state in (State.FAILED, State.STOPPED, State.SKIPPED):
        text = module.message or next((problem_text(p) for p in module.errors), "")
        return Text(" ".join(text.split()), style=COLOURS[module.state])
    if module.warnings:
        return Text(number_of(len(module.warnings), "warning"), style="yellow")
    if module.expected is None:
        return Text("")
    if module.slow:
        return Text(f"slow: it took {duration(module.expected)} before", style="yellow")
    return Text(f"of about {duration(module.expected)}" if module.state is State.RUNNING else "", style="dim")


def _mark(state: State, *, ascii_only: bool) -> Text:
    sign, style = _MARKS.get(state, ("*", "blue"))
    return Text(_PLAIN_MARKS.get(state, "*") if ascii_only else sign, style=style)


def _job_style(job: JobProgress) -> str:
    return COLOURS.get(job.state, "blue")
