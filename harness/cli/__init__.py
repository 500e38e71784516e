"""The command ``gomatrix``: thin commands over the functions of the package.

Each command has a module of its name, which is imported when it is used: neither ``gomatrix runs
list`` nor shell completion waits for numpy.
"""

import atexit
import errno
import gc
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from typing import TYPE_CHECKING

import click

from harness.cli.output import say
from harness.errors import HarnessError, told
from harness.session.dispositions import see_children_end, stop_as_for_ctrl_c
from harness.text.suggestions import closest
from harness.text.visible import visible

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

_RARELY = 1_000_000
"""Objects between two looks for garbage: stored trials are many objects, and none of it."""
COMMANDS = {
    "init": "Write a commented matrix.yaml for the Go module in this directory.",
    "plan": "Show what a run would do and how long it would take.",
    "run": "Measure a matrix and write its report.",
    "worker": "Measure on this machine what a run deals to a Dask cluster.",
    "merge": "Merge runs of one matrix from shards or several machines.",
    "doctor": "Check whether this machine is fit to measure, and say what to change.",
    "explain": "Explain what changed between two versions: from the change to its cause.",
    "bisect": "Find what made a workload worse: the release, toggle, function and commit.",
    "report": "Write the report of a run, or the history of several.",
    "verdict": "Analyze a stored run again and print the conclusions.",
    "compare": "Compare two variants of a stored run on every metric.",
    "profile": "Show which functions allocated the live heap of a variant.",
    "runs": "List and prune runs.",
    "cache": "List and prune cached toolchains and builds.",
    "experiments": "List the toggles that each toolchain knows.",
    "schema": "Print the JSON Schema of matrix.yaml or of a file of a run.",
    "completion": "Print a shell completion script.",
}
"""Each command's summary, by name; the module of that name here has the command."""


class Commands(click.Group):
    """Loads commands on first use, and prints users' mistakes without a traceback."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """All names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # see harness.session.judge_apart
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # to find none takes 10 ms
        name = f"harness.cli.{cmd_name}"
        if name not in sys.modules:
            _load(name)
        command: click.Command = getattr(sys.modules[name], cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Resolve as click does; suggest the nearest name for an unknown one."""
        if args[0] not in COMMANDS and (close := closest(args[0], COMMANDS)):
            ctx.fail(f"No such command {args[0]!r}; did you mean {close!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - click's signature
        """List the commands without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list["CompletionItem"]:
        """Complete names of commands, without loading them, and options."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - no command needs it

        names = [
            CompletionItem(name, help=text)
            for name, text in COMMANDS.items()
            if name.startswith(incomplete)
        ]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse as click does; spell out control characters in what was typed."""
        with _seen_mistakes():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        """Run a command; exit with 2 and one message on a user's mistake, with 130 on Ctrl-C.

        What a ``KeyboardInterrupt`` is raised with is told too.
        """
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
        except KeyboardInterrupt as stop:  # click's own status, 1, means that a gate failed
            say(f"gomatrix: {'; '.join(('interrupted', *map(str, stop.args)))}", err=True)
            sys.exit(130)


def _load(module: str) -> None:
    """Import a module; look for garbage neither meanwhile nor, at the end, in what it has loaded.

    That would be a sixth of the CPU time of ``gomatrix plan``, and there is none.
    """
    gc.disable()
    try:
        import_module(module)
    finally:
        gc.freeze()
        gc.set_threshold(_RARELY)
        gc.enable()


@contextmanager
def _seen_mistakes() -> Iterator[None]:
    """Spell out control characters in click's messages, which repeat the command line."""
    try:
        yield
    except click.ClickException as error:
        error.message = visible(error.message)  # type: ignore[misc] # nothing else shows it
        raise


def _print_version(ctx: click.Context, _parameter: click.Parameter, wanted: object) -> None:
    if wanted and not ctx.resilient_parsing:
        from harness.version import provenance  # noqa: PLC0415 - imports platform, subprocess

        say(f"gomatrix {provenance()}")
        ctx.exit()


@click.group(cls=Commands)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version,
    help="Show the version, commit, Python and system.",
)  # fmt: skip
def main() -> None:
    """Which Go feature is to blame? Measure a matrix of Go versions and experiments."""
    see_children_end()


def run_as_program() -> None:
    """Run the command line, and end the process without taking its objects apart, as mypy does.

    That would be 15 ms of ``gomatrix plan``, and 0.1 s at the end of a run.
    """
    stop_as_for_ctrl_c()
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, int | None) and threading.active_count() == 1:
            with suppress(OSError, AttributeError):  # whoever read has left, or there is no output
                atexit._run_exitfuncs()  # noqa: SLF001 - what a normal end does first
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(end.code or 0)
        raise
