"""The `invoke` parameter: which modules' interfaces are called. Source: Okapi (TenantInstallOptions.checkInvoke)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from okapi_install.domain.errors import UserError

MOST_CHARACTERS = 1000
MOST_REPEATS = 4
_QUOTED = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]")
_REPEATED_GROUP = re.compile(r"\)[+*{]")
_REPEAT = re.compile(r"[+*{]")


@dataclass(frozen=True, slots=True)
class InvokeRule:
    """All modules, none, or those whose whole id matches a pattern."""

    everything: bool
    pattern: re.Pattern[str] | None = None

    @classmethod
    def parse(cls, text: str | None) -> InvokeRule:
        """Raises UserError: the pattern is not usable. Patterns that could take for ever are refused."""
        if text is None or text == "true":
            return cls(everything=True)
        if text == "false":
            return cls(everything=False)
        _check_cost(text)
        try:
            return cls(everything=False, pattern=re.compile(text))
        except (re.error, OverflowError, RecursionError) as problem:
            raise UserError(f"Bad pattern for parameter invoke: {problem}") from problem

    def allows(self, module_id: str) -> bool:
        """Whether that module's interfaces are called."""
        if self.pattern is None:
            return self.everything
        return self.pattern.fullmatch(module_id) is not None


def _check_cost(text: str) -> None:
    """Refuses what could keep a worker busy for ever: Python's engine tries all ways of matching, one by one."""
    plain = _QUOTED.sub("x", text)
    if len(text) > MOST_CHARACTERS:
        raise UserError(f"Bad pattern for parameter invoke: longer than {MOST_CHARACTERS} characters")
    if _REPEATED_GROUP.search(plain):
        raise UserError("Bad pattern for parameter invoke: a group must not be repeated; write what it stands for")
    if any(len(_REPEAT.findall(branch)) > MOST_REPEATS for branch in plain.split("|")):
        raise UserError(f"Bad pattern for parameter invoke: at most {MOST_REPEATS} repetitions such as .* in a row")
