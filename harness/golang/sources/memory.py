"""Answers of the go command, remembered with the states of all that they may depend on.

Nothing rests on times of files; they only tell that a file may just be changing.
"""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from harness.golang.cache import remember
from harness.golang.sources.digests import Seen
from harness.models import Frozen

_SETTLED = 2.0
"""Seconds after which a further write to a file surely shows in its times."""


class Memory(Frozen):
    """An answer; what it says is in further fields."""

    states: dict[str, str]
    """Of all that it may depend on, as ``Seen`` has them."""


M = TypeVar("M", bound=Memory)


def recall(kind: type[M], path: Path, seen: Seen) -> M | None:
    """What was remembered there, if all is still as it was."""
    try:
        stored = kind.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return stored if seen.holds(stored.states) else None


def keep(memory: Memory, path: Path, asked: float, newest: float) -> None:
    """Remember an answer, unless a file was changed just before the go command was asked.

    Args:
        memory: the answer.
        path: where.
        asked: when, in seconds since the epoch.
        newest: ``Seen.newest`` of what the answer depends on.
    """
    if asked - newest > _SETTLED:
        remember(path, memory.model_dump_json())
