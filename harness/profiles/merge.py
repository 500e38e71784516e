"""Heap profiles of several trials: their sum, and the difference between two variants."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

from harness.errors import HarnessError
from harness.files.unpack import Allowance
from harness.models import Frozen
from harness.profiles import encode as heap
from harness.profiles.pprof import COMPRESSED, Profile, parse_profile, whole_run
from harness.profiles.sites import site_and_callers


class Holder(Frozen):
    """A function and the memory that it allocated, per trial."""

    function: str
    flat: float
    """Bytes allocated by the function itself."""
    cumulative: float
    """Bytes allocated by it and by what it called."""


def merge(profiles: Iterable[Path]) -> bytes:
    """A gzipped profile of all of them added up, for ``go tool pprof`` and the like.

    What is resident is in it if all of them tell.

    Raises:
        HarnessError: one of them cannot be read.
    """
    totals: dict[tuple[heap.Frame, ...], list[int]] = {}
    period = 0
    allowance = whole_run()
    kinds = heap.KINDS | heap.RESIDENCY
    for path in profiles:
        profile = _read(path, allowance)
        if not heap.RESIDENCY.keys() <= set(profile.kinds):
            kinds = heap.KINDS
        with _usable(path):
            columns = [profile.column(kind) for kind in kinds]
        period = profile.period or period
        for stack, values in profile.samples:
            total = totals.setdefault(stack, [0] * len(heap.KINDS | heap.RESIDENCY))
            for place, column in enumerate(columns):
                total[place] += values[column]
    frames = dict.fromkeys(chain.from_iterable(totals))
    numbers = {frame: number for number, frame in enumerate(frames, 1)}
    samples = (
        ([numbers[f] for f in stack], total[: len(kinds)]) for stack, total in totals.items()
    )
    return heap.encode(samples, frames, period, kinds)


def top(
    profiles: Sequence[Path], base: Sequence[Path] = (), *, module: str = "", count: int = 20
) -> list[Holder]:
    """The functions whose objects hold most, largest change against ``base`` first.

    Both are profiles of one variant, one a trial; without a base ``profiles`` stand by themselves.
    ``module`` is the program's own, whose functions are named with those that allocate for them.

    Raises:
        HarnessError: one of them cannot be read.
    """
    allowance = whole_run()
    flat, cumulative = _per_trial(profiles, module, allowance)
    if base:
        others = _per_trial(base, module, allowance)
        for own, other in zip((flat, cumulative), others, strict=True):
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
    profiles: Sequence[Path], module: str, allowance: Allowance
) -> tuple[dict[str, float], dict[str, float]]:
    """Bytes by function: allocated by itself; and by it or what it called, recursion once."""
    flat: dict[str, float] = defaultdict(float)
    cumulative: dict[str, float] = defaultdict(float)
    for path in profiles:
        with _usable(path):
            stacks = _read(path, allowance).by_stack()
        for stack, size in stacks.items():
            called = site_and_callers(stack, module)
            flat[called[-1]] += size / len(profiles)
            for function in set(called):
                cumulative[function] += size / len(profiles)
    return flat, cumulative


def _read(path: Path, allowance: Allowance) -> Profile:
    with _usable(path):
        with path.open("rb") as file:
            data = file.read(COMPRESSED + 1)
        if len(data) > COMPRESSED:
            raise ValueError(f"more than {COMPRESSED >> 20} MiB")
        return parse_profile(data, allowance)


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        raise HarnessError(
            f"{path} cannot be used as a heap profile: {error}; get the run anew from where it was "
            "measured, or remove the file"
        ) from None
