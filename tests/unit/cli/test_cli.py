import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

from harness.cli import COMMANDS, main


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_of_commands_says_what_each_commands_own_help_says(name: str) -> None:
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.name == name
    assert command.help is not None
    assert " ".join(command.help.split("\n\n")[0].split()) == COMMANDS[name]


def test_help_lists_every_command() -> None:
    text = CliRunner().invoke(main, ["--help"]).output

    assert all(name in text and text.count(says[:40]) for name, says in COMMANDS.items())


def test_an_unknown_command_names_the_nearest() -> None:
    result = CliRunner().invoke(main, ["reprot"])

    assert result.exit_code == 2
    assert "report" in result.output


def test_a_build_that_failed_is_seen_where_the_caller_ignores_the_death_of_children() -> None:
    program = (
        "import signal, subprocess; signal.signal(signal.SIGCHLD, signal.SIG_IGN);"
        "{}; print(subprocess.run('false').returncode)"
    )

    def status(first: str) -> str:
        command = [sys.executable, "-c", program.format(first)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert status("pass") == "0", "what Python says of a child that nobody could wait for"
    main = "from click.testing import CliRunner; from harness.cli import main"
    assert status(f"{main}; CliRunner().invoke(main, ['experiments', '--help'])") == "1"


def test_what_was_to_be_done_at_the_end_is_done_although_nothing_is_taken_apart() -> None:
    program = (
        "import atexit, sys; from harness.cli import run_as_program; atexit.register(print, 'end');"
        "sys.argv[1:] = ['verdict', 'nowhere']; print('begin'); run_as_program()"
    )
    done = subprocess.run(
        [sys.executable, "-E", "-c", program], capture_output=True, text=True, check=False
    )

    assert done.returncode == 2
    assert done.stdout == "begin\nend\n"
    assert "nowhere" in done.stderr
