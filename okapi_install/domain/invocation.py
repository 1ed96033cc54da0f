"""The `invoke` parameter: which modules' interfaces are called. Source: Okapi (TenantInstallOptions.checkInvoke).

Okapi matches the pattern with Java's engine, which may take forever. RE2's time grows only with the lengths of pattern
and id. A pattern that RE2 does not support, or would interpret differently from Java, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

import re2

from okapi_install.domain.errors import UserError

MOST_CHARACTERS = 1000
_MOST_MEMORY = 1 << 20
_PIECE = re.compile(
    r"\\Q.*?(?:\\E|\Z)|\\[pPx]\{[^}]{0,50}\}|\\.|\[\^?\]?|\(\?P?[a-zA-Z-]*|\{\d+(?:,\d*)?\}|&&|.", re.DOTALL
)
"""At most one alternative can match at each character, so the time is linear."""
_FLAGS = re.compile(r"\(\?[ims-]*")

Decisions = tuple[tuple[str, bool], ...]
"""Module ids, and whether their interfaces are called."""


@dataclass(frozen=True, slots=True)
class InvokeRule:
    """All modules, none, or those whose whole id matches a pattern."""

    everything: bool
    pattern: re2._Regexp | None = None

    @classmethod
    def parse(cls, text: str | None) -> InvokeRule:
        """The rule for a value of the parameter. Raises UserError if the pattern is not usable."""
        if text is None or text == "true":
            return cls(everything=True)
        if text == "false":
            return cls(everything=False)
        if len(text) > MOST_CHARACTERS:
            raise _unusable(f"longer than {MOST_CHARACTERS} characters")
        _check_meaning(text)
        return cls(everything=False, pattern=_compiled(text))

    def allows(self, module_id: str) -> bool:
        """Whether that module's interfaces are called."""
        if self.pattern is None:
            return self.everything
        return self.pattern.fullmatch(module_id) is not None

    def decisions(self, module_ids: Iterable[str]) -> Decisions:
        """The result of a pattern for each of those modules; empty if the parameter is not a pattern."""
        if self.pattern is None:
            return ()
        return tuple((module_id, self.allows(module_id)) for module_id in sorted(set(module_ids)))


@dataclass(frozen=True, slots=True)
class DecidedRule:
    """The rule of a job: the decisions made when it was planned, and the parameter itself for other modules."""

    text: str | None
    decided: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str | None, decisions: Collection[tuple[str, bool]]) -> DecidedRule:
        """The rule of a job with that parameter."""
        return cls(text, dict(decisions))

    def allows(self, module_id: str) -> bool:
        """Whether that module's interfaces are called."""
        known = self.decided.get(module_id)
        return InvokeRule.parse(self.text).allows(module_id) if known is None else known


def _compiled(text: str) -> re2._Regexp:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _MOST_MEMORY
    try:
        return re2.compile(text, options)
    except UnicodeEncodeError:
        raise _unusable("it has half a surrogate pair") from None
    except re2.error as problem:
        why = problem.args[0] if problem.args else "not usable"
        raise _unusable(why.decode("utf-8", "replace") if isinstance(why, bytes) else str(why)) from None


def _check_meaning(text: str) -> None:
    """Raises UserError for syntax that both engines accept but interpret differently."""
    in_class = False
    for piece in _PIECE.findall(text):
        if piece.startswith("["):
            if in_class:
                raise _unusable("a class within a class, such as [a[b]]; write its characters in one")
            in_class = True
        elif piece == "]":
            in_class = False
        elif in_class and piece == "&&":
            raise _unusable("an intersection of classes (&&); write the characters that are left")
        elif piece.startswith("\\"):
            _check_escape(piece)
        elif not in_class:
            _check_outside_a_class(piece)


def _check_escape(piece: str) -> None:
    if piece[1:2].isdigit() and piece[1:2] != "0":
        raise _unusable(f"a back reference ({piece}); write what it stands for")
    if piece == "\\C":
        raise _unusable("\\C; write .")


def _check_outside_a_class(piece: str) -> None:
    if piece == "{":
        raise _unusable("a brace that is no repetition; write \\{")
    if piece.startswith("(?") and not _FLAGS.fullmatch(piece):
        raise _unusable(f"{piece}; of flags, i, m and s are known")


def _unusable(why: str) -> UserError:
    return UserError(f"Bad pattern for parameter invoke: {why}")
