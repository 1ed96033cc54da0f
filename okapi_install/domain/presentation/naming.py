"""Names that tell what a job does, and the word for what it does with a module."""

from __future__ import annotations

from collections.abc import Sequence

from okapi_install.domain.jobs import Action, Change, Job, JobKind
from okapi_install.domain.modules.versions import ModuleId

_MOST_NAMED = 12
"""A request for more modules is a release, and its first module does not tell which."""
_UPGRADE, _REINSTALL = "upgrade", "reinstall"


def action_word(action: str, module_id: str, from_id: str | None) -> str:
    """What is done with a module: Okapi's action, or `upgrade` or `reinstall`, which are enables for Okapi."""
    if action == Action.UPTODATE:
        return "already up to date"
    if action != Action.ENABLE or from_id is None:
        return action
    return _REINSTALL if from_id == module_id else _UPGRADE


def job_name(job: Job) -> str:
    """Such as `install mod-circulation and 2 more`, from what was requested."""
    wanted = job.request or ()
    if not wanted:
        return _named(_UPGRADE if job.kind is JobKind.UPGRADE else job.kind.value, [step.change for step in job.steps])
    if len(wanted) == 1:
        step = next((step.change for step in job.steps if _fulfils(step.change, wanted[0])), wanted[0])
        word = _word([step], job)
        return f"{word} {step.id}"
    return _named(_word(wanted, job), wanted)


def _fulfils(change: Change, wanted: Change) -> bool:
    return change.action is wanted.action and wanted.id in (change.id, ModuleId.parse(change.id).product)


def _word(changes: Sequence[Change], job: Job) -> str:
    actions = {change.action for change in changes}
    if actions == {Action.DISABLE}:
        return "purge" if job.options.purge else "disable"
    if actions != {Action.ENABLE}:
        return "change"
    if job.options.reinstall:
        return _REINSTALL
    words = {action_word(change.action, change.id, change.from_id) for change in changes}
    return _UPGRADE if words == {_UPGRADE} else "install"


def _named(word: str, changes: Sequence[Change]) -> str:
    if not 1 < len(changes) <= _MOST_NAMED:
        return f"{word} {changes[0].id}" if len(changes) == 1 else f"{word} {len(changes)} modules"
    return f"{word} {ModuleId.parse(changes[0].id).product} and {len(changes) - 1} more"
