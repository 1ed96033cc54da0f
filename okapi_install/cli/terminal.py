"""What is said where: results on the standard output, talk on the standard error, questions to a person only."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

import click

from okapi_install.client.errors import ClientError, Refused
from okapi_install.domain.foreign_text import visible


@dataclass(frozen=True, kw_only=True, slots=True)
class Terminal:
    """The ways to the reader. With `as_json` results are JSON; `quiet` leaves the talk out."""

    as_json: bool = False
    quiet: bool = False

    @property
    def has_person(self) -> bool:
        """Whether someone can be asked."""
        return sys.stdin.isatty() and sys.stderr.isatty()

    @property
    def is_live(self) -> bool:
        """Whether a table can be drawn and drawn again."""
        return sys.stderr.isatty() and not self.quiet

    def result(self, text: str) -> None:
        """A line of the result."""
        click.echo(text)

    def document(self, document: Any) -> None:
        """The result as JSON; what a terminal would obey is escaped in it."""
        click.echo(visible(json.dumps(document, indent=2, ensure_ascii=False), lines=True))

    def talk(self, text: str = "") -> None:
        """Something on the way."""
        if not self.quiet:
            click.echo(text, err=True)

    def warn(self, text: str) -> None:
        """Something that must be heard, quiet or not."""
        click.secho(text, err=True, fg="yellow")

    def error(self, error: ClientError) -> None:
        """What went wrong, in words; with `as_json` on the standard output as well."""
        click.echo(click.style("Error: ", fg="red") + error.message, err=True)
        if self.as_json:
            status = error.status if isinstance(error, Refused) else None
            self.document({"error": {"kind": error.kind, "status": status, "message": error.message}})
