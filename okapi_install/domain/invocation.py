"""The `invoke` parameter: which modules' interfaces are called. Source: Okapi (TenantInstallOptions.checkInvoke)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from okapi_install.domain.errors import UserError

MOST_CHARACTERS = 1000
_NESTED_REPEAT = re.compile(r"\((?:[^()\\]|\\.)*[+*}](?:[^()\\]|\\.)*\)[+*{]")


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
        if len(text) > MOST_CHARACTERS or _NESTED_REPEAT.search(text):
            raise UserError("Bad pattern for parameter invoke: a repeated group that repeats itself, or too long")
        try:
            return cls(everything=False, pattern=re.compile(text))
        except (re.error, OverflowError, RecursionError) as problem:
            raise UserError(f"Bad pattern for parameter invoke: {problem}") from problem

    def allows(self, module_id: str) -> bool:
        """Whether that module's interfaces are called."""
        if self.pattern is None:
            return self.everything
        return self.pattern.fullmatch(module_id) is not None
