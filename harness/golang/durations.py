"""How long builds and trials took on this machine, kept in the cache to tell of others."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.golang.cache import remember
from harness.models import Frozen

_MOST = 200
"""Ways of one thing that are kept, those last noted."""


class Took(Frozen):
    """Seconds that one thing took in one way."""

    first: float
    """When it was done for the first time, so that nothing was there to build on."""
    last: float


_Ways = TypeAdapter(dict[str, Took])


def recall(cache: Path, thing: Sequence[str]) -> dict[str, Took]:
    """What was noted of a thing, by the way in which it was done; nothing where that is unknown."""
    try:
        return _Ways.validate_json(_file(cache, thing).read_bytes())
    except (OSError, ValidationError):
        return {}


def note(cache: Path, thing: Sequence[str], way: str, seconds: float) -> None:
    """Note how long a thing took; of two processes at once, one is forgotten.

    Raises:
        OSError: the cache cannot be written.
    """
    ways = recall(cache, thing)
    before = ways.pop(way, None)
    ways[way] = Took(first=before.first if before else seconds, last=seconds)
    kept = dict(list(ways.items())[-_MOST:])
    remember(_file(cache, thing), json.dumps({k: v.model_dump() for k, v in kept.items()}))


def _file(cache: Path, thing: Sequence[str]) -> Path:
    return cache / "durations" / hashlib.sha256(repr(tuple(thing)).encode()).hexdigest()[:32]
