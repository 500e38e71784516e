"""The command ``gomatrix``: thin commands over the functions of the package.

Each module here holds a few commands, and imports what they need; it is itself imported when one of
them is used, so that ``gomatrix --version`` and the shell's completion do not wait for scipy.
"""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

import click
from click.shell_completion import CompletionItem

from harness.cli.output import say
from harness.errors import HarnessError, told
from harness.session.dispositions import see_children_end
from harness.text.suggestions import closest
from harness.text.visible import visible
from harness.version import provenance

COMMANDS = {
    "init": ("project", "Write a commented matrix.yaml for the Go module in this directory."),
    "plan": ("project", "Show what a run would do: cells, builds, rounds and time."),
    "run": ("run", "Measure a matrix and write its report."),
    "merge": ("run", "Join runs of one matrix, from shards or several machines."),
    "doctor": (
        "project",
        "Check whether this machine is fit to measure, with a remedy for each finding.",
    ),
    "bisect": (
        "bisect",
        "Find what made a workload worse: the release, the experiment, the function, the commit.",
    ),
    "report": ("report", "Write the report of a run; of several, how they compare over time."),
    "verdict": ("report", "Conclude anew from a stored run."),
    "compare": ("report", "Compare any two variants of a stored run on every metric."),
    "profile": ("report", "Show which functions' objects hold a variant's heap at its end."),
    "runs": ("runs", "Keep the directory of runs in hand."),
    "cache": ("runs", "Keep the cache of toolchains and builds in hand."),
    "experiments": ("experiments", "List the experiments of toolchains."),
    "schema": ("schemas", "Print the JSON Schema of matrix.yaml, or of a file of a run."),
    "completion": ("completion", "Print what makes a shell complete gomatrix's commands."),
}
"""By name: the module that holds a command, and what it does, for the list of commands."""


class Commands(click.Group):
    """Loads a command when it is used, and prints a user's mistake without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order in which they are told of."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"harness.cli.{COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown name gets a suggestion."""
        close = closest(args[0], COMMANDS)
        if args[0] not in COMMANDS and close:
            ctx.fail(f"No such command {args[0]!r}; did you mean {close!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without loading them; and options."""
        names = [
            CompletionItem(name, help=text)
            for name, (_, text) in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; what was typed is shown with its control characters spelt out."""
        with _seen_mistakes():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; a user's mistake ends it with its message and a status of 2."""
        try:
            with _seen_mistakes():
                return super().invoke(ctx)
        except HarnessError as error:
            say(f"gomatrix: {error}", err=True)
            sys.exit(2)
        except OSError as error:
            if error.errno == errno.EPIPE:  # whoever read the output has seen enough
                raise
            say(f"gomatrix: {told(error)}", err=True)
            sys.exit(2)


@contextmanager
def _seen_mistakes() -> Iterator[None]:
    """Click's own complaints repeat the words of the command line, which a script may have made."""
    try:
        yield
    except click.ClickException as error:
        error.message = visible(error.message)  # type: ignore[misc] # nothing else shows it
        raise


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: object) -> None:
    if wanted and not ctx.resilient_parsing:
        say(f"gomatrix {provenance()}")
        ctx.exit()


@click.group(cls=Commands)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Show version, commit, Python and system.",
)  # fmt: skip
def main() -> None:
    """Which Go feature is to blame? Measure a matrix of Go versions and experiments."""
    see_children_end()
