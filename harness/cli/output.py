"""What the commands print: the one way to a terminal, with one filter on it.

Whatever came from a program, a file name, a matrix or a run directory is shown with its control
characters spelt out, so that it can neither move the cursor nor pass for something else.
"""

import click

from harness.text.visible import visible, visible_json


def say(text: str, *, err: bool = False) -> None:
    """Print lines of text.

    Args:
        text: the lines; no colours.
        err: to standard error.
    """
    click.echo(visible(text), err=err)


def say_json(text: str) -> None:
    """Print JSON, which reads back the same."""
    click.echo(visible_json(text))
