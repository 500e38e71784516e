"""Heap profiles of several trials: their sum, and the difference between two variants.

They are read by the package's own parser. Nothing is started for it: a run may come from elsewhere,
and must not choose what is executed.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from harness.errors import HarnessError
from harness.files.unpack import Allowance
from harness.models import Frozen
from harness.profiles import encode as heap
from harness.profiles.pprof import (
    COMPRESSED,
    Frame,
    Profile,
    Stack,
    parse_heap,
    parse_profile,
    whole_run,
)


class Holder(Frozen):
    """A function and what the objects that it allocated hold, per trial."""

    function: str
    flat: float
    """Bytes allocated by the function itself."""
    cumulative: float
    """Bytes allocated by it and by what it called."""


def merge(profiles: Iterable[Path]) -> bytes:
    """A gzipped profile of all of them added up, for ``go tool pprof`` and the like.

    Raises:
        HarnessError: one of them cannot be read.
    """
    totals: dict[tuple[Frame, ...], list[int]] = {}
    period = 0
    allowance = whole_run()
    for path in profiles:
        profile = _read(path, allowance)
        columns = _columns(path, profile)
        period = profile.period or period
        for stack, values in profile.samples:
            total = totals.setdefault(stack, [0] * len(columns))
            for place, column in enumerate(columns):
                total[place] += values[column]
    numbers: dict[Frame, int] = {}
    for frame in chain.from_iterable(totals):
        numbers.setdefault(frame, len(numbers) + 1)
    samples = (([numbers[f] for f in stack], total) for stack, total in totals.items())
    return heap.encode(samples, (heap.Frame(f.address, *f[:3]) for f in numbers), period)


def top(profiles: Sequence[Path], base: Sequence[Path] = (), *, count: int = 20) -> list[Holder]:
    """The functions whose objects hold most, largest change first.

    Args:
        profiles: of one variant, one a trial.
        base: of the variant to compare with; none to see the first by itself.
        count: how many functions.

    Raises:
        HarnessError: one of them cannot be read.
    """
    allowance = whole_run()
    flat, cumulative = _per_trial(profiles, allowance)
    if base:
        for own, other in zip((flat, cumulative), _per_trial(base, allowance), strict=True):
            for function, size in other.items():
                own[function] -= size
    holders = [
        Holder(function=function, flat=flat[function], cumulative=size)
        for function, size in cumulative.items()
        if size or flat[function]
    ]
    holders.sort(key=lambda holder: (-abs(holder.flat), -abs(holder.cumulative), holder.function))
    return holders[:count]


def _per_trial(
    profiles: Sequence[Path], allowance: Allowance
) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes by function: allocated by itself; and by it or what it called, recursion once."""
    flat: dict[str, float] = defaultdict(float)
    cumulative: dict[str, float] = defaultdict(float)
    for path in profiles:
        for stack, size in _heap(path, allowance).items():
            flat[stack[-1] if stack else "?"] += size / len(profiles)
            for function in set(stack) or {"?"}:
                cumulative[function] += size / len(profiles)
    return flat, cumulative


def _read(path: Path, allowance: Allowance) -> Profile:
    try:
        return parse_profile(_content(path), allowance)
    except ValueError as error:
        raise _unreadable(path, error) from None


def _heap(path: Path, allowance: Allowance) -> dict[Stack, float]:
    try:
        return parse_heap(_content(path), allowance=allowance)
    except ValueError as error:
        raise _unreadable(path, error) from None


def _content(path: Path) -> bytes:
    """The file's bytes; one too many of a file that is too large."""
    with path.open("rb") as file:
        data = file.read(COMPRESSED + 1)
    if len(data) > COMPRESSED:
        raise ValueError(f"more than {COMPRESSED >> 20} MiB")
    return data


def _columns(path: Path, profile: Profile) -> list[int]:
    """Where the kinds of a heap profile stand."""
    try:
        return [profile.kinds.index(kind) for kind in heap.KINDS]
    except ValueError:
        raise _unreadable(path, "it is no heap profile") from None


def _unreadable(path: Path, why: object) -> HarnessError:
    return HarnessError(
        f"{path} cannot be used as a heap profile: {why}; get the run anew from where it was "
        "measured, or remove the file"
    )
