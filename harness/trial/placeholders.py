"""Placeholders: words in braces that stand for a trial's ports and directories."""

import re
import socket
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path

_WORD = re.compile(r"\{(port(?:\.[A-Za-z0-9_][A-Za-z0-9_.-]*)?|tmp|here)\}")


def free_ports(names: Iterable[str]) -> dict[str, int]:
    """Find a free TCP port of the loopback interface for each name."""
    with ExitStack() as stack:
        ports = {}
        for name in names:
            listener = stack.enter_context(socket.socket())
            listener.bind(("127.0.0.1", 0))
            ports[name] = listener.getsockname()[1]
        return ports


def values(ports: Mapping[str, int], tmp: Path, here: Path) -> dict[str, str]:
    """Return each placeholder's value.

    ``{port}`` is the first port, ``{port.NAME}`` the one of that name, ``{tmp}`` the trial's
    directory and ``{here}`` the matrix file's.
    """
    found = {f"port.{name}": str(port) for name, port in ports.items()}
    if ports:
        found["port"] = str(next(iter(ports.values())))
    return found | {"tmp": str(tmp), "here": str(here)}


def fill(text: str, values: Mapping[str, str]) -> str:
    """Replace the placeholders that have a value; any other text in braces stays as it is."""
    return _WORD.sub(lambda match: values.get(match[1], match[0]), text)
