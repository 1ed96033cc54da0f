"""The options that all client commands share, the client that they stand for, and the reporting of its errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from okapi_install.cli.exits import EXIT_CODES, Exit, exit_of_error
from okapi_install.cli.terminal import Terminal
from okapi_install.client.errors import ClientError
from okapi_install.client.following import Pace
from okapi_install.client.okapi import OkapiClient
from okapi_install.client.transport import HttpTransport

Decorated = Callable[..., Any]
DEFAULT_URL = "http://localhost:9130"

CONNECTION = (
    click.option(
        "--url", metavar="URL", envvar="OKAPI_URL", default=DEFAULT_URL, show_envvar=True, show_default=True,
        help="The server.",
    ),
    click.option("--token", metavar="TOKEN", envvar="OKAPI_TOKEN", show_envvar=True, help="Sent as X-Okapi-Token."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    click.option("-q", "--quiet", is_flag=True, help="Print only the result and errors."),
)  # fmt: skip

FOLLOWING = (
    click.option(
        "--patience", type=click.FloatRange(min=0), default=600, show_default=True, metavar="SECONDS",
        help="How long to wait for a server that went away while a job is followed.",
    ),
)  # fmt: skip


def with_options(*groups: tuple[Callable[[Decorated], Decorated], ...]) -> Callable[[Decorated], Decorated]:
    """Adds options, in the order given."""

    def decorate(command: Decorated) -> Decorated:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate


class ClientCommand(click.Command):
    """A command that ends with one of our exit codes, whatever the server does, and whose help lists them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["epilog"] = f"{kwargs.get('epilog') or ''}\n{EXIT_CODES}"
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> None:
        """Runs it, and ends with what it returns; tells of an error of the client in one line."""
        terminal = Terminal(as_json=ctx.params.get("as_json", False))
        try:
            code: Exit | None = super().invoke(ctx)
        except ClientError as problem:
            terminal.error(problem)
            code = exit_of_error(problem)
        except (KeyboardInterrupt, click.Abort):
            terminal.talk("Stopped.")
            code = Exit.ABORTED
        ctx.exit(int(code or Exit.DONE))


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """A client, the terminal, and how long to be patient."""

    client: OkapiClient
    terminal: Terminal
    pace: Pace
    url: str

    @classmethod
    def of(cls, given: dict[str, Any]) -> Session:
        """Takes the shared options out of a command's parameters."""
        url, token = given.pop("url"), given.pop("token")
        terminal = Terminal(as_json=given.pop("as_json"), quiet=given.pop("quiet"))
        pace = Pace(patience=given.pop("patience", Pace().patience))
        return cls(client=OkapiClient(HttpTransport(url, token=token)), terminal=terminal, pace=pace, url=url)

    def say_what_is_lacking(self, what: str) -> None:
        """Says on a plain Okapi what it lacks."""
        if not self.client.ours:
            self.terminal.talk(f"This server is a plain Okapi: {what}.")
