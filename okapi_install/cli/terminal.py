"""Where output goes: results to standard output, messages to standard error, questions to a person only."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import click

from okapi_install.client.errors import ClientError, Refused
from okapi_install.domain.foreign_text import visible


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """Prints results, messages and errors. With `as_json` results are JSON; with `quiet` messages are left out."""

    as_json: bool = False
    quiet: bool = False

    @property
    def has_person(self) -> bool:
        """Whether a person is there to answer a question."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def is_live(self) -> bool:
        """Whether a live table can be drawn."""
        return sys.stderr.isatty() and not self.quiet

    def result(self, text: str) -> None:
        """Prints a line of the result."""
        click.echo(text)

    def document(self, document: Any) -> None:
        """Prints the result as JSON, with control characters escaped."""
        click.echo(visible(json.dumps(document, indent=2, ensure_ascii=False), lines=True))

    def talk(self, text: str = "") -> None:
        """Prints a message, unless quiet."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Prints a message, even when quiet."""
        click.secho(text, err=True, fg="yellow")

    def error(self, error: ClientError, more: Mapping[str, Any] | None = None) -> None:
        """Prints an error in one line; with `as_json` also as the result, there with `more` properties."""
        click.echo(click.style("Error: ", fg="red") + error.message, err=True)
        if self.as_json:
            status = error.status if isinstance(error, Refused) else None
            self.document({"error": {"kind": error.kind, "status": status, "message": error.message, **(more or {})}})
