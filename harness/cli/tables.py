"""Tables on the terminal, with the filter of ``harness.cli.output``."""

import sys

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.text.visible import visible


def plain(text: str) -> str:
    """Foreign text for a table, without markup."""
    return escape(visible(text))


def show(grid: Table, width: int) -> None:
    """Print a table whose foreign texts are ``plain``.

    Args:
        grid: the table.
        width: of a line where the output is no terminal.
    """
    Console(width=None if sys.stdout.isatty() else width).print(grid)
