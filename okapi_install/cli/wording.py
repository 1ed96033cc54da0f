"""Jobs, plans and times in words: lines of text, coloured where a terminal shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import click

from okapi_install.client.progress import JobProgress, ModuleProgress, detailed_job, instant
from okapi_install.domain.foreign_text import one_line, visible_document
from okapi_install.domain.presentation.naming import action_word
from okapi_install.domain.presentation.states import State

COLOURS = {
    State.DONE: "green",
    State.FAILED: "red",
    State.RUNNING: "blue",
    State.ABORTING: "yellow",
    State.STOPPED: "yellow",
    State.SKIPPED: "yellow",
    State.WAITING: "cyan",
}
_COLOURS_OF_WORDS = {state.word: colour for state, colour in COLOURS.items()}
UP_TO_DATE = "uptodate"
"""Okapi's action for a module that the tenant already has in that version."""
_JSON_BODY = ": {"
"""What comes before the response of a module in Okapi's message, if that is a JSON object."""
_MOST_NOT_RUN, _MOST_FAILURES = 5, 10
"""How many modules of that kind are listed one by one."""
_VERBS = {
    "enable": "to enable",
    "upgrade": "to upgrade",
    "reinstall": "to reinstall",
    "disable": "to disable",
    "uptodate": "already up to date",
}


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


def verb(action: str, module_id: str, from_id: str | None) -> str:
    """What is done with a module; empty if it stays as it is."""
    return "" if action == UP_TO_DATE else action_word(action, module_id, from_id)


def plan_lines(plan: Sequence[Mapping[str, Any]], deleted: Collection[str] = ()) -> list[str]:
    """A plan as text, one line for each module. Those in `deleted` lose their data."""
    plan = visible_document(plan)
    width = max((len(str(m["id"])) for m in plan), default=0)
    return [_plan_line(module, width, deleted).rstrip() for module in plan]


def _plan_line(module: Mapping[str, Any], width: int, deleted: Collection[str]) -> str:
    before = module.get("from")
    action = verb(str(module.get("action", "enable")), str(module["id"]), before)
    note = f"from {before}" if before and before != module["id"] else _note(str(module.get("action")))
    loss = click.style("data is deleted", fg="red") if module["id"] in deleted else ""
    return f"{action:<9} {module['id']:<{width}}  {', '.join(part for part in (note, loss) if part)}"


def _note(action: str) -> str:
    return "already up to date" if action == UP_TO_DATE else ""


def plan_summary(plan: Sequence[Mapping[str, Any]], tenant: str) -> str:
    """How many modules a plan changes and how, in a sentence."""
    counts = Counter(verb(str(m.get("action", "enable")), str(m.get("id")), m.get("from")) or UP_TO_DATE for m in plan)
    parts = ", ".join(f"{count} {_VERBS.get(action, action)}" for action, count in counts.items())
    return f"{number_of(len(plan), 'module')} of tenant {tenant}: {parts or 'nothing to do'}."


def result_lines(job: JobProgress) -> list[str]:
    """A job as text: its modules with all errors and warnings, a sentence about the job, and what failed."""
    width = max((len(m.id) for m in job.modules), default=0)
    not_run = job.in_state(State.NOT_RUN)
    folded = not_run if len(not_run) > _MOST_NOT_RUN else ()
    lines = []
    for module in job.modules:
        if module not in folded:
            lines.append(_module_line(module, width))
            lines += problem_lines(module) if module.state is not State.SKIPPED else []
            lines += place_lines(module)
    lines += [f"{State.NOT_RUN.word:<11} {number_of(len(folded), 'module')}"] if folded else []
    return [*lines, outcome(job), *failure_lines(job)]


def place_lines(module: ModuleProgress) -> list[str]:
    """Where a module runs, or has failed, and where its log is."""
    if module.state not in (State.RUNNING, State.FAILED):
        return []
    job = f", tenant job {module.tenant_job}" if module.tenant_job else ""
    lines = [f"         at {module.instance}{job}"] if module.instance else []
    return [*lines, f"         log: {module.log}"] if module.log else lines


def failure_lines(job: JobProgress) -> list[str]:
    """A line for each module that failed, with the first line of the reason."""
    failed = job.in_state(State.FAILED)
    lines = [f"  {click.style(m.id, fg='red')}: {one_line(_reason(m))}" for m in failed[:_MOST_FAILURES]]
    left = len(failed) - len(lines)
    return [*lines, f"  and {left} more failed"] if left > 0 else lines


def _reason(module: ModuleProgress) -> str:
    """The module's own words, if it has sent some."""
    return next((problem_text(p) for p in module.errors), module.message or "")


def _module_line(module: ModuleProgress, width: int) -> str:
    shown = click.style(f"{module.state.word:<11}", fg=COLOURS.get(module.state))
    tried = f"  ({module.attempts} attempts)" if module.attempts > 1 else ""
    action = f"{verb(module.action, module.id, module.from_id):<9}"
    said = module.message if module.state is State.SKIPPED else _note(module.action)
    return f"{shown} {action} {module.id:<{width}}  {duration(module.seconds):>8}{tried}  {said}".rstrip()


def problem_lines(module: ModuleProgress, *, short: bool = False) -> list[str]:
    """The errors and warnings of a module, and Okapi's message if it is not among them; `short` cuts each to a line."""
    found = [("error", "red", text) for text in _error_texts(module)]
    found += [("warning", "yellow", problem_text(p)) for p in module.warnings]
    return [_problem_line(word, colour, one_line(text) if short else text) for word, colour, text in found]


def _error_texts(module: ModuleProgress) -> list[str]:
    """Okapi's message ends with the response of the module, which is not printed if the errors have it in full."""
    errors = [problem_text(p) for p in module.errors]
    if not module.message or any(module.message in text for text in errors):
        return errors
    if not errors:
        return [module.message]
    head = one_line(module.message.partition(_JSON_BODY)[0])
    return [head, *(text for text in errors if text not in head)]


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
    failed = len(job.in_state(State.FAILED))
    parts = [f"{len(job.in_state(State.DONE))} of {number_of(len(job.modules), 'module')} done"]
    parts += [f"{count} {state.word}" for state in _TOLD if (count := len(job.in_state(state)))]
    warned = sum(len(m.warnings) for m in job.modules)
    parts += [number_of(warned, "warning")] if warned else []
    parts += [job.waiting] if job.waiting else []
    parts += [job.estimate] if job.estimate else []
    took = f" in {duration(job.seconds)}" if job.seconds is not None and job.complete else ""
    took += f" ({duration(job.total)} since the first start)" if took and job.total is not None else ""
    head = click.style(f"{job.kind} of {job.tenant} {job.state.word}", fg=COLOURS.get(job.state), bold=True)
    said = f"; {' '.join(job.message.split())}" if job.message and not failed else ""
    return f"{head}{took}: {', '.join(parts)}{said} (job {job.id})"


_TOLD = (State.FAILED, State.SKIPPED, State.STOPPED, State.NOT_RUN)


def jobs_lines(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """A list of jobs as a table."""
    rows = [
        ("JOB", "TENANT", "STATE", "WHAT", "MODULES", "STARTED", "TOOK"),
        *(_job_row(job) for job in visible_document(jobs)),
    ]
    return table_lines(rows, states=2)


def table_lines(rows: Sequence[Sequence[str]], *, states: int | None = None) -> list[str]:
    """Rows of the same length as lines whose columns are as wide as needed. Column number `states` has its colours."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [_joined(row, widths, states) for row in rows]


def _job_row(job: Mapping[str, Any]) -> tuple[str, ...]:
    counts = job.get("modules") or {}
    return (
        str(job.get("id")),
        str(job.get("tenant")),
        _state_of(job).word,
        str(job.get("name") or job.get("kind")),
        f"{counts.get('done', 0)}/{counts.get('total', 0)}{_ended_otherwise(job)}",
        _local(job.get("startDate") or job.get("created")),
        duration(job.get("seconds")),
    )


def retry_lines(plan: Mapping[str, Any]) -> list[str]:
    """What a retry of chosen modules does, as text."""
    plan = visible_document(plan)
    lines = [f"runs     {module}" for module in plan.get("run") or []]
    for one in _objects(plan.get("skipped")):
        why = f", because it requires {one['because']}" if one["because"] != one["id"] else ""
        lines.append(f"skipped  {one['id']}{why}")
    lines += [f"missing  {one['requires']}, which {one['id']} requires" for one in _objects(plan.get("unmet"))]
    left = len(plan.get("left") or [])
    return [*lines, f"left     {number_of(left, 'module')}"] if left else lines


def history_lines(events: Sequence[Mapping[str, Any]]) -> list[str]:
    """What happened to a job, one line for each event, with errors and warnings below it."""
    lines = []
    for event in visible_document(events):
        colour = "red" if event.get("errors") or event.get("kind") == "failed" else None
        lines.append(f"{_local(event.get('date'))}  {click.style(str(event.get('text')), fg=colour)}")
        lines += [_problem_line("error", "red", problem_text(p)) for p in _objects(event.get("errors"))]
        lines += [_problem_line("warning", "yellow", problem_text(p)) for p in _objects(event.get("warnings"))]
    return lines


def _state_of(job: Mapping[str, Any]) -> State:
    return detailed_job({**job, "modules": []}).state


def _ended_otherwise(job: Mapping[str, Any]) -> str:
    """How many modules failed or were skipped, and warnings."""
    counts = job.get("counts")
    if not isinstance(counts, dict):
        failed = (job.get("modules") or {}).get("error")
        return f", {failed} failed" if failed else ""
    by_state = counts.get("byState") or {}
    told = [f"{by_state[state.value]} {state.word}" for state in _TOLD if by_state.get(state.value)]
    told += [number_of(counts["warnings"], "warning")] if counts.get("warnings") else []
    return "".join(f", {each}" for each in told)


def _joined(row: Sequence[str], widths: list[int], states: int | None) -> str:
    cells = [f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)]
    if states is not None:
        cells[states] = click.style(cells[states], fg=_COLOURS_OF_WORDS.get(row[states]))
    return "  ".join(cells).rstrip()


def _local(text: object) -> str:
    """A date from the server, in the local time zone."""
    seconds = instant(text)
    return "" if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
