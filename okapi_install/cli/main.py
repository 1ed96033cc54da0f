"""The command `okapi-install`. A subcommand is imported only when it is run, so that `--help` is fast."""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

import click
from click.shell_completion import CompletionItem

from okapi_install import __version__

SECTIONS: dict[str, dict[str, tuple[str, str]]] = {
    "Modules of a tenant": {
        "install": ("install", "Install, upgrade or remove modules, and follow the job."),
        "upgrade": ("install", "Upgrade a tenant's modules to the newest versions, and follow the job."),
    },
    "What the server knows": {
        "modules": ("modules", "Add module descriptors to the server, and say where modules run."),
        "tenants": ("tenants", "List the tenants, or create one."),
        "enabled": ("tenants", "List the modules that a tenant has enabled."),
    },
    "Jobs": {
        "jobs": ("jobs", "List jobs, newest first."),
        "job": ("jobs", "Show one job, or follow it."),
        "abort": ("jobs", "Abort a job; what is enabled stays enabled."),
        "retry": ("jobs", "Run the unfinished steps of a job again, and follow it."),
    },
    "Workers": {
        "workers": ("workers", "List the workers of the server, and what they run."),
    },
    "Many tenants": {
        "rollout": ("rollout", "Install or upgrade modules for many tenants, in waves."),
    },
    "Try it": {
        "demo": ("demo", "Install a small simulated FOLIO platform, and watch."),
    },
    "Beside an Okapi": {
        "beside": ("beside", "Check what a service beside an Okapi needs, and register its paths there."),
        "adopt": ("beside", "Copy what an Okapi has into this service's own tables."),
    },
    "Run the server": {
        "serve": ("server", "Run everything in one place: API, workers and broker."),
        "api": ("server", "Run the API alone."),
        "worker": ("server", "Run one worker process."),
        "keys": ("keys", "Add, list and remove API keys."),
        "migrate": ("server", "Create the database's tables, or bring them up to date."),
    },
    "Shell": {
        "completion": ("completion", "Print what makes a shell complete this command."),
    },
}
"""By section and command: the module of `commands` that defines it, and its line in the list."""


class LazyGroup(click.Group):
    """A group of commands that imports a command only when it is used."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """All command names, in the order of SECTIONS."""
        return [name for section in SECTIONS.values() for name in section]

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now; None if there is no command of that name."""
        for section in SECTIONS.values():
            if cmd_name in section:
                module = import_module(f"okapi_install.cli.commands.{section[cmd_name][0]}")
                return cast("click.Command", getattr(module, cmd_name))
        return None

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """Completes commands without importing them."""
        if incomplete.startswith("-"):
            return click.Command.shell_complete(self, ctx, incomplete)
        named = {name: text for section in SECTIONS.values() for name, (_, text) in section.items()}
        return [CompletionItem(name, help=text) for name, text in named.items() if name.startswith(incomplete)]

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes the list of commands without importing them."""
        width = max(len(name) for name in self.list_commands(_ctx))
        for title, section in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), text) for name, (_, text) in section.items()])


EPILOG = """\b
The commands for modules and jobs talk to any server with Okapi's API, and read
  OKAPI_URL     where it is (default http://localhost:9130)
  OKAPI_TENANT  the tenant
  OKAPI_TOKEN   the token, sent as X-Okapi-Token

\b
A first look:
  okapi-install demo
Each command has its own help, with examples:
  okapi-install install --help
"""


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(cls=LazyGroup, epilog=EPILOG, context_settings=_CONTEXT)
@click.version_option(__version__, message="okapi-install %(version)s")
def main() -> None:
    """Install, upgrade and remove FOLIO modules for tenants.

    An install is a job: it can be followed, aborted and retried, and it keeps running when you close the terminal.
    """
