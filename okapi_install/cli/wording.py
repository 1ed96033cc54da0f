"""Jobs, plans and times in words: lines of text, coloured where a terminal shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from okapi_install.client.progress import JobProgress, ModuleProgress, instant
from okapi_install.domain.foreign_text import visible_document

COLOURS = {"done": "green", "error": "red", "running": "blue", "aborting": "yellow", "queued": "cyan"}
UP_TO_DATE = "uptodate"
"""Okapi's action for a module that the tenant already has in that version."""
_VERBS = {"enable": "to enable", "upgrade": "to upgrade", "disable": "to disable", "uptodate": "already up to date"}


def duration(seconds: float | None) -> str:
    """A duration as text: `0.4 s`, `12.3 s`, `3:05`, `1:02:03`; empty for None."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{max(seconds, 0):.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def number_of(count: int, noun: str) -> str:
    """A count with its noun: `1 module`, `2 modules`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def verb(action: str, from_id: str | None) -> str:
    """`upgrade` if the module comes from another version, empty if it stays as it is, else the action."""
    if action == UP_TO_DATE:
        return ""
    return "upgrade" if action == "enable" and from_id else action


def plan_lines(plan: Sequence[Mapping[str, Any]]) -> list[str]:
    """A plan as text, one line for each module."""
    plan = visible_document(plan)
    width = max((len(str(m["id"])) for m in plan), default=0)
    return [_plan_line(module, width).rstrip() for module in plan]


def _plan_line(module: Mapping[str, Any], width: int) -> str:
    before = module.get("from")
    action = verb(str(module.get("action", "enable")), before)
    note = f"from {before}" if before and before != module["id"] else _note(str(module.get("action")))
    return f"{action:<9} {module['id']:<{width}}  {note}"


def _note(action: str) -> str:
    return "already up to date" if action == UP_TO_DATE else ""


def plan_summary(plan: Sequence[Mapping[str, Any]], tenant: str) -> str:
    """How many modules a plan changes and how, in a sentence."""
    counts = Counter(verb(str(m.get("action", "enable")), m.get("from")) or UP_TO_DATE for m in plan)
    parts = ", ".join(f"{count} {_VERBS.get(action, action)}" for action, count in counts.items())
    return f"{number_of(len(plan), 'module')} of tenant {tenant}: {parts or 'nothing to do'}."


def result_lines(job: JobProgress) -> list[str]:
    """A job as text: its modules with all errors and warnings, and a sentence about the job."""
    width = max((len(m.id) for m in job.modules), default=0)
    lines = []
    for module in job.modules:
        lines.append(_module_line(module, width))
        lines += problem_lines(module)
    return [*lines, outcome(job)]


def _module_line(module: ModuleProgress, width: int) -> str:
    state = module.status or ("skipped" if module.stage is None else module.stage)
    shown = click.style(f"{state:<8}", fg=COLOURS.get(state))
    tried = f"  ({module.attempts} attempts)" if module.attempts > 1 else ""
    line = (
        f"{shown} {verb(module.action, module.from_id):<8} {module.id:<{width}}  {duration(module.seconds):>8}{tried}"
        f"  {_note(module.action)}"
    )
    return line.rstrip()


def problem_lines(module: ModuleProgress) -> list[str]:
    """The errors and warnings of a module, and Okapi's message if it is not among them."""
    errors = [problem_text(p) for p in module.errors]
    if module.message and not any(module.message in text for text in errors):
        errors.insert(0, module.message)
    warnings = [problem_text(p) for p in module.warnings]
    return [_problem_line("error", "red", t) for t in errors] + [
        _problem_line("warning", "yellow", t) for t in warnings
    ]


def _problem_line(word: str, colour: str, text: str) -> str:
    indented = text.strip().replace("\n", "\n" + " " * 11)
    return f"         {click.style(word, fg=colour)}: {indented}"


def problem_text(problem: Mapping[str, Any]) -> str:
    """A problem in FOLIO's error schema as one line: message, parameters, code."""
    text = str(problem.get("message", ""))
    values = ", ".join(f"{p.get('key')}: {p.get('value')}" for p in _objects(problem.get("parameters")))
    if values:
        text += f" ({values})"
    code = problem.get("code")
    return f"{text} [{code}]" if code else text


def _objects(value: object) -> Iterable[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def outcome(job: JobProgress) -> str:
    """A sentence about how a job stands or ended."""
    done, failed = len(job.of_status("done")), len(job.of_status("error"))
    state = "aborted" if job.aborted else {"error": "failed"}.get(job.status, job.status)
    parts = [f"{done} of {number_of(len(job.modules), 'module')} done"]
    parts += [f"{failed} failed"] if failed else []
    warned = sum(len(m.warnings) for m in job.modules)
    parts += [number_of(warned, "warning")] if warned else []
    took = f" in {duration(job.seconds)}" if job.seconds is not None and job.complete else ""
    head = click.style(f"{job.kind} of {job.tenant} {state}", fg=COLOURS.get(job.status), bold=True)
    said = f"; {' '.join(job.message.split())}" if job.message and not failed else ""
    return f"{head}{took}: {', '.join(parts)}{said} (job {job.id})"


def jobs_lines(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A list of jobs as a table."""
    rows = [
        ("JOB", "TENANT", "KIND", "STATUS", "MODULES", "STARTED", "TOOK"),
        *(_job_row(job) for job in visible_document(jobs)),
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [_joined(row, widths) for row in rows]


def _job_row(job: Mapping[str, Any]) -> tuple[str, ...]:
    counts = job.get("modules") or {}
    failed = f", {counts['error']} failed" if counts.get("error") else ""
    state = str(job.get("reason")) if job.get("reason") == "aborted" else str(job.get("status"))
    return (
        str(job.get("id")),
        str(job.get("tenant")),
        str(job.get("kind")),
        state,
        f"{counts.get('done', 0)}/{counts.get('total', 0)}{failed}",
        _local(job.get("startDate") or job.get("created")),
        duration(job.get("seconds")),
    )


def history_lines(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """What happened to a job, one line for each event, with errors and warnings below it."""
    lines = []
    for event in visible_document(events):
        colour = "red" if event.get("errors") or event.get("kind") == "failed" else None
        lines.append(f"{_local(event.get('date'))}  {click.style(str(event.get('text')), fg=colour)}")
        lines += [_problem_line("error", "red", problem_text(p)) for p in _objects(event.get("errors"))]
        lines += [_problem_line("warning", "yellow", problem_text(p)) for p in _objects(event.get("warnings"))]
    return lines


def _joined(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
    cells[3] = click.style(cells[3], fg=COLOURS.get(row[3], "red" if row[3] == "aborted" else None))
    return "  ".join(cells).rstrip()


def _local(text: object) -> str:
    """A date from the server, in the local time zone."""
    seconds = instant(text)
    return "" if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
