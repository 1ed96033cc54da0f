"""The options that all client commands share, the session made from them, and how client errors are reported."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import click

from okapi_install.cli.exits import EXIT_CODES, Exit, exit_of_error
from okapi_install.cli.program import program
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
        help="Address of the server.",
    ),
    click.option("--token", metavar="TOKEN", envvar="OKAPI_TOKEN", show_envvar=True, help="Sent as X-Okapi-Token."),
    click.option("--json", "as_json", is_flag=True, help="Print the result as JSON."),
    click.option("-q", "--quiet", is_flag=True, help="Print only the result and errors."),
)  # fmt: skip

FOLLOWING = (
    click.option(
        "--patience", type=click.FloatRange(min=0), default=600, show_default=True, metavar="SECONDS",
        help="How long to wait for an unavailable server while a job is followed.",
    ),
)  # fmt: skip


def with_options(*groups: tuple[Callable[[Decorated], Decorated], ...]) -> Callable[[Decorated], Decorated]:
    """A decorator that adds these options to a command, in the order given."""

    def decorate(command: Decorated) -> Decorated:
        for option in reversed([option for group in groups for option in group]):
            command = option(command)
        return command

    return decorate


class _Exits(click.Command):
    """A command that always exits with one of `Exit`'s codes, and whose help lists them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["epilog"] = f"{kwargs.get('epilog') or ''}\n{EXIT_CODES}"
        super().__init__(*args, **kwargs)

    def invoke(self, ctx: click.Context) -> None:
        """Runs the command and exits with the code that it returns. Prints a client error in one line."""
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


_MOST_IN_ONE_LIST = 15
_SECTIONS = {
    "How modules are changed": (
        *("action", "parallel", "parameters", "tenant_parameters", "ignore_errors", "purge", "reinstall", "dep_check"),
        *("pre_release", "npm_snapshot", "invoke", "deploy"),
    ),
    "If the request is refused": ("explain", "number", "keep", "prefer"),
    "Before and while it runs": ("simulate", "yes", "confirm_purge", "sync", "no_follow", "patience"),
    "Server and output": ("url", "token", "as_json", "quiet", "help"),
}
"""Sections of the help of a command with many options, by the names of their parameters."""


class ClientCommand(_Exits):
    """A command that talks to a server. If it has many options, its help lists them in sections."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """See click."""
        params = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        if len(params) <= _MOST_IN_ONE_LIST:
            super().format_options(ctx, formatter)
            return
        records = {param.name: found for param in params if (found := param.get_help_record(ctx)) is not None}
        named = [name for names in _SECTIONS.values() for name in names]
        first = [record for name, record in records.items() if name not in named]
        for title, rows in (
            ("Options", first),
            *((title, [records[n] for n in names if n in records]) for title, names in _SECTIONS.items()),
        ):
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class ClientGroup(_Exits, click.Group):
    """A group of such commands, which may do something itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """What a client command works with: the client, the terminal, and the pace of retries."""

    client: OkapiClient
    terminal: Terminal
    pace: Pace
    url: str

    @classmethod
    def of(cls, given: dict[str, Any]) -> Session:
        """The session for a command's parameters; removes the shared options from them."""
        url, token = given.pop("url"), given.pop("token")
        terminal = Terminal(as_json=given.pop("as_json"), quiet=given.pop("quiet"))
        pace = Pace(patience=given.pop("patience", Pace().patience))
        return cls(client=OkapiClient(HttpTransport(url, token=token), url=url), terminal=terminal, pace=pace, url=url)

    def command(self, *words: str) -> str:
        """The line that runs a command of this program on the same server."""
        usual = os.environ.get("OKAPI_URL") or DEFAULT_URL
        return f"{program()} {shlex.join([*words, *([] if self.url == usual else ['--url', self.url])])}"

    def note_plain_okapi(self, what: str) -> None:
        """Prints a limitation that applies on a plain Okapi; prints nothing on our own server."""
        if not self.client.ours:
            self.terminal.talk(f"This server is a plain Okapi: {what}.")
