"""``docs/commands.md``, made from the commands' own help."""

from collections.abc import Iterator

import click

from harness.cli import COMMANDS, main

_PAGE = """\
# Commands

Made from the commands' own help by `tools/reference.py`.

Mistakes end a command with one message and exit status 2 or above. `NO_COLOR` turns colours off.
Commands whose output scripts may read have `--json`. For shell completion see
`gomatrix completion`.

{sections}"""


def markdown() -> str:
    """The page."""
    root = click.Context(main, info_name="gomatrix")
    sections = []
    for name in COMMANDS:
        command = main.get_command(root, name)
        if command is not None:
            sections += list(_sections(command, root, name))
    return _PAGE.format(sections="\n".join(sections))


def _sections(command: click.Command, parent: click.Context, name: str) -> Iterator[str]:
    context = click.Context(
        command, info_name=name, parent=parent, terminal_width=90, max_content_width=90
    )
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            if found is not None:
                yield from _sections(found, context, inner)
        return
    lines = [line.rstrip() for line in command.get_help(context).splitlines()]
    yield "\n".join([f"## {context.command_path}", "", "```text", *lines, "```", ""])
