"""`completion`: the lines that make a shell complete this command."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from okapi_install.cli.program import NAME

_SHELLS = click.Choice(["bash", "zsh", "fish"])

EXAMPLES = """\b
Examples:
  # bash: in ~/.bashrc
  eval "$(okapi-install completion bash)"
  # zsh: in ~/.zshrc, after compinit
  eval "$(okapi-install completion zsh)"
"""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=_SHELLS)
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print what makes a shell complete this command.

    Commands and options are completed, and tenants, jobs and modules of the server that OKAPI_URL or --url names. If it
    does not respond within a second, nothing is completed.
    """
    made = get_completion_class(shell)
    if made is None:
        raise AssertionError(f"click has no completion for {shell}")
    click.echo(made(context.find_root().command, {}, NAME, "_OKAPI_INSTALL_COMPLETE").source())
