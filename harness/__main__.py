"""``python -m harness`` is the command ``gomatrix``."""

from harness.cli import run_as_program

run_as_program()
