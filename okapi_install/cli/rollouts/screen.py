"""Shows rollouts: as lines, and live while one is followed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Protocol

from okapi_install.cli.connection import Session
from okapi_install.cli.exits import Exit
from okapi_install.cli.wording import duration, number_of
from okapi_install.client.errors import Unreachable
from okapi_install.client.following import Trouble
from okapi_install.client.rollouts import RolloutClient
from okapi_install.domain.foreign_text import visible

Document = Mapping[str, Any]
_STATES = ("done", "uptodate", "running", "waiting", "error", "skipped")
_WORDS = {"uptodate": "up to date", "error": "failed"}
_SIGNS = {"done": "#", "uptodate": "#", "running": ">", "waiting": ".", "error": "!", "skipped": "-"}
_WIDTH = 50
_MOST_SHOWN = 8
_PAUSE = 1.0
_EXITS = {"done": Exit.DONE, "error": Exit.FAILED, "aborted": Exit.ABORTED, "paused": Exit.LEFT_RUNNING}


def follow_rollout(session: Session, client: RolloutClient, rollout_id: str) -> Exit:
    """Shows the rollout until it is over, or waits for a person. Raises ClientError."""
    document: Document = {}
    try:
        with _screen(session) as screen:
            for document in _changes(session, client, rollout_id, screen):
                screen.show(document)
    except KeyboardInterrupt:
        session.terminal.talk("The rollout continues. To follow it again:")
        session.terminal.talk(f"  {session.command('rollout', 'status', rollout_id, '--follow')}")
        return Exit.LEFT_RUNNING
    if session.terminal.as_json:
        session.terminal.document(dict(document))
    else:
        for line in [*rollout_lines(document), *_next_steps(session, document)]:
            session.terminal.result(line)
    return _EXITS[document["status"]]


class _Screen(Protocol):
    def show(self, document: Document) -> None: ...
    def unavailable(self, problem: Unreachable) -> None: ...
    def available_again(self, seconds: float) -> None: ...


def _changes(session: Session, client: RolloutClient, rollout_id: str, screen: _Screen) -> Iterator[Document]:
    """The rollout again and again, until it is over or waits for a person."""
    trouble = Trouble(screen, session.pace)
    while True:
        try:
            found = client.one(rollout_id)
        except Unreachable as problem:
            if not trouble.wait(problem):
                raise
            continue
        trouble.over()
        yield found
        if found["status"] in _EXITS:
            return
        session.pace.sleep(_PAUSE)


class LineRolloutScreen:
    """Prints a line when the counts or the sentence have changed, for a log."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._last = ""

    def show(self, document: Document) -> None:
        """Prints what has changed."""
        line = f"{counts_line(document['tenants'])}  {document['sentence']}"
        if line != self._last:
            self._session.terminal.talk(line)
        self._last = line

    def unavailable(self, problem: Unreachable) -> None:
        """Says that the server does not respond."""
        self._session.terminal.talk(f"The server is unavailable: {problem.message}")

    def available_again(self, seconds: float) -> None:
        """Says that it does again."""
        self._session.terminal.talk(f"The server is available again, after {duration(seconds)}.")


class LiveRolloutScreen(LineRolloutScreen):
    """Keeps the status of the rollout on the screen."""

    def __init__(self, session: Session, live: Any) -> None:
        super().__init__(session)
        self._live = live

    def show(self, document: Document) -> None:
        """Draws it again."""
        from rich.text import Text  # takes long to import

        self._live.update(Text("\n".join(rollout_lines(document))))


@contextmanager
def _screen(session: Session) -> Iterator[_Screen]:
    if not session.terminal.is_live:
        yield LineRolloutScreen(session)
        return
    from rich.console import Console  # takes long to import
    from rich.live import Live

    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        live.auto_refresh = False
        yield LiveRolloutScreen(session, _Refreshing(live))


class _Refreshing:
    def __init__(self, live: Any) -> None:
        self._live = live

    def update(self, text: object) -> None:
        self._live.update(text, refresh=True)


def rollout_lines(document: Document) -> list[str]:
    """Where we are, what failed and why, when it is done."""
    lines = [
        visible(f"{document['name']}  {document['status']}  {document['id']}"),
        document["sentence"],
        f"{bar(document['tenants'])}  {counts_line(document['tenants'])}",
    ]
    lines += [_wave_line(wave, document) for wave in document.get("waves", ()) if len(document["waves"]) > 1]
    for number, group in enumerate(document.get("failures", ())[:_MOST_SHOWN], 1):
        lines += _group_lines(number, group)
    hidden = len(document.get("failures", ())) - _MOST_SHOWN
    if hidden > 0:
        lines.append(f"… and {number_of(hidden, 'more group')} of failures")
    return [*lines, *_end_lines(document)]


def bar(counts: Document) -> str:
    """All tenants as a bar of characters; a state that has tenants has at least one."""
    total = max(counts["total"], 1)
    widths = {state: max(counts[state] * _WIDTH // total, 1) if counts[state] else 0 for state in _STATES}
    largest = max(widths, key=lambda state: widths[state])
    widths[largest] = max(0, widths[largest] + _WIDTH - sum(widths.values()))
    return "[" + "".join(_SIGNS[state] * widths[state] for state in _STATES) + "]"


def counts_line(counts: Document) -> str:
    """How many tenants are in which state."""
    parts = [f"{counts[state]} {_WORDS.get(state, state)}" for state in _STATES if counts[state]]
    return f"{number_of(counts['total'], 'tenant')}: {', '.join(parts)}"


def _wave_line(wave: Document, document: Document) -> str:
    parts = [f"{wave[state]} {_WORDS.get(state, state)}" for state in _STATES if wave[state]]
    return f"  wave {wave['number']} of {document['waveCount']}: {', '.join(parts)}"


def _group_lines(number: int, group: Document) -> list[str]:
    tenants = ", ".join(group["tenants"][:5]) + (" …" if group["count"] > 5 else "")
    module = group["module"] or "no plan"
    first = f"  {number}. {number_of(group['count'], 'tenant')} failed at {module}: {group['example']}"
    return [visible(first), visible(f"     {tenants}")]


def _end_lines(document: Document) -> list[str]:
    lines = []
    if document["continues"]:
        lines.append(f"Goes on at {_local(document['continues'])}.")
    if document["expectedEnd"]:
        lines.append(f"Expected end: {_local(document['expectedEnd'])}.")
    elif document["remainingSeconds"] and not document["complete"]:
        lines.append(f"Work left: about {duration(document['remainingSeconds'])}.")
    return lines


def _next_steps(session: Session, document: Document) -> list[str]:
    verbs = []
    if document["tenants"]["error"] and document["status"] in ("error", "paused"):
        verbs.append(("To retry what failed", "retry"))
    if document["status"] == "paused":
        verbs.append(("To go on", "resume"))
    return [f"{words}: {session.command('rollout', verb, document['id'])}" for words, verb in verbs]


def rollouts_lines(documents: Sequence[Document]) -> list[str]:
    """A line for each rollout."""
    return [
        visible(
            f"{one['id']}  {one['status']:8}  {_local(one['created'])}  {one['name']}  {counts_line(one['tenants'])}"
        )
        for one in documents
    ]


def simulation_lines(found: Document) -> list[str]:
    """What a rollout would do to whom."""
    lines = [f"{number_of(found['tenants'], 'tenant')} in {number_of(len(found['waves']), 'wave')}."]
    lines += [f"  wave {one['number']}: {_names(one['tenants'])}" for one in found["waves"]]
    for plan in found["plans"]:
        lines.append(f"{_names(plan['tenants'])}:")
        lines += [visible(f"  {change['action']:9} {change['id']}") for change in plan["plan"]]
    if found["uptodate"]:
        lines.append(f"Nothing to change: {_names(found['uptodate'])}")
    lines += [visible(f"Refused: {_names(one['tenants'])}: {one['message']}") for one in found["refused"]]
    if found["remainingSeconds"] is not None:
        lines.append(f"It takes about {duration(found['remainingSeconds'])}.")
    return lines


def _names(tenants: Sequence[str]) -> str:
    more = f" and {len(tenants) - _MOST_SHOWN} more" if len(tenants) > _MOST_SHOWN else ""
    return visible(", ".join(tenants[:_MOST_SHOWN]) + more)


def _local(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone().strftime("%Y-%m-%d %H:%M")
