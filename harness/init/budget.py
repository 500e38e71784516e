"""How much a first matrix measures, so that it answers within some minutes. Pure functions."""

from collections.abc import Iterator, Sequence

from harness.init.programs import Program
from harness.init.survey import Benchmarks, Survey
from harness.models import Frozen

_BUDGET = 15 * 60.0
"""Seconds that the first run may take."""
_MOST = 4
"""Workloads that are measured at first."""
_MIN, _MAX = 5, 10
"""Rounds; with fewer than five no interval is worth a decision."""
_GROUPS = 8
"""Groups in which some 16 suspects are turned back where one of them is to blame, each with a build
of its own: two decisions, and up to three for each of four halvings
(``analysis.screening.search``), of which not all need a build."""
_GROUP_TRIALS = 3 * 8
"""Trials of a group: both sides of the question beside it, in 8 rounds."""
_UNKNOWN = 60.0
"""Seconds of a trial that had not ended when it was tried: ``trials.timeout`` of the draft."""
_OWN = 10.0
"""Seconds of a run beside builds and trials."""

Workload = Program | Benchmarks


class Scale(Frozen):
    """How much a matrix measures at first."""

    active: int = _MOST
    """Workloads; further ones are comments."""
    auto: bool = True
    """Whether all that differs is suspected."""
    rounds: int = _MAX
    """At most."""
    seconds: float | None = None
    """How long that takes at most; ``None`` where nothing was tried."""
    told: str = ""
    """What was left out for it, or why it still takes longer."""

    @property
    def long(self) -> bool:
        """Whether it takes longer than a first run should."""
        return self.seconds is not None and self.seconds > _BUDGET


def runnable(found: Survey, most: int) -> list[Workload]:
    """What can be measured, at most ``most`` of it: half of the places are for benchmarks."""
    sure: list[Workload] = [p for p in found.programs if p.doubt is None]
    benchmarks = [b for b in found.benchmarks if b.reason is None]
    half = max(most // 2, most - len(benchmarks))
    return [*sure[:half], *benchmarks][:most]


def scale_of(found: Survey, lanes: int) -> Scale:
    """The most that a run does within the budget, from how long builds and trials took.

    Suspects are left out first where they need more builds than there is time for, then
    workloads, then rounds.
    """
    if any(w.build is None for w in runnable(found, _MOST)):
        return Scale()
    choices = list(_choices(found, lanes))
    fitting = (scale for scale in choices if not scale.long)
    chosen = next(fitting, choices[-1])
    return chosen.model_copy(update={"told": _told(chosen, found)})


def _choices(found: Survey, lanes: int) -> Iterator[Scale]:
    most = len(runnable(found, _MOST)) or 1
    scales = [(most, True, _MAX), *((n, False, _MAX) for n in range(most, 0, -1)), (1, False, _MIN)]
    for active, auto, rounds in scales:
        seconds = _seconds(runnable(found, active), lanes, rounds, auto=auto)
        yield Scale(active=active, auto=auto, rounds=rounds, seconds=seconds)


def _seconds(active: Sequence[Workload], lanes: int, rounds: int, *, auto: bool) -> float:
    """The newer Go's builds are there already, as each program was tried with it."""
    builds = sum(w.build or 0.0 for w in active)
    trial = sum(_UNKNOWN if w.trial is None else w.trial for w in active) / lanes
    screened = _GROUPS * (builds + _GROUP_TRIALS * trial) if auto else 0.0
    return _OWN + builds + 2 * rounds * trial + screened


def _told(scale: Scale, found: Survey) -> str:
    slowest = max(
        runnable(found, _MOST), key=lambda w: (w.build or 0.0) + (w.trial or _UNKNOWN), default=None
    )
    if slowest is None or (scale.auto and not scale.long):
        return ""
    trial = (
        "one trial did not end in 10 s"
        if slowest.trial is None
        else (f"one trial {slowest.trial:.0f} s")
    )
    why = f"a build of {slowest.name} takes {slowest.build:.0f} s, and {trial}"
    if scale.long:
        return f"this is the least that answers: {why}"
    return f"it is kept below 15 minutes without suspects: {why}"
