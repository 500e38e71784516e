"""How much a first matrix measures, so that it answers within some minutes. Pure functions."""

from collections.abc import Iterator, Sequence

from harness.init.programs import Program
from harness.init.survey import Benchmarks, Survey
from harness.models import Frozen
from harness.text.words import listed

_BUDGET = 15 * 60.0
"""Seconds that the first run may take."""
_MOST = 4
"""Workloads that are measured at first."""
_MIN, _MAX = 5, 10
"""Rounds; with fewer than five no interval is worth a decision."""
_GROUPS = 8
"""Groups in which some 16 suspects are turned back where one of them is to blame, each with a build
of its own: all of them, up to two for each of four halvings, and the rest
(``analysis.screening.search``), of which some need no build."""
_GROUP_TRIALS = 3 * 5
"""Trials of a group: both sides of the question beside it, in five rounds; three are the fewest."""
_UNKNOWN = 60.0
"""Seconds of a trial that had not ended when it was tried: ``trials.timeout`` of the draft."""
_OWN = 10.0
"""Seconds of a run beside builds and trials."""

Workload = Program | Benchmarks


class Scale(Frozen):
    """How much a matrix measures at first."""

    without: frozenset[str] = frozenset()
    """Names of workloads that are left as comments, though they run."""
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


def runnable(found: Survey, scale: Scale) -> list[Workload]:
    """What is measured at first: half of the places are for benchmarks."""
    sure: list[Workload] = [p for p in found.programs if p.doubt is None]
    benchmarks = [b for b in found.benchmarks if b.doubt is None]
    half = max(_MOST // 2, _MOST - len(benchmarks))
    chosen = [*sure[:half], *benchmarks][:_MOST]
    return [workload for workload in chosen if workload.name not in scale.without]


def scale_of(found: Survey, lanes: int) -> Scale:
    """The most that a run does within the budget, from how long builds and trials took.

    Suspects are left out first: a run that shows a change tells what to ask next. Then come the
    workloads that take longest, and then rounds.
    """
    everything = runnable(found, Scale())
    if not everything or any(w.build is None for w in everything):
        return Scale()
    choices = list(_choices(everything, lanes))
    chosen = next((scale for scale in choices if not scale.long), choices[-1])
    return chosen.model_copy(update={"told": _told(chosen, everything)})


def _choices(everything: Sequence[Workload], lanes: int) -> Iterator[Scale]:
    """From all to the least, in the order of preference."""
    longest_first = sorted(everything, key=_length, reverse=True)
    for auto, rounds, left_out in (
        (True, _MAX, 0), *((False, _MAX, n) for n in range(len(longest_first))),
        (False, _MIN, len(longest_first) - 1),
    ):  # fmt: skip
        yield Scale(
            without=frozenset(w.name for w in longest_first[:left_out]), auto=auto, rounds=rounds,
            seconds=_seconds(longest_first[left_out:], lanes, rounds, auto=auto),
        )  # fmt: skip


def _length(workload: Workload) -> float:
    """Seconds of a build and a round."""
    return (workload.build or 0.0) + 2 * _trial(workload)


def _trial(workload: Workload) -> float:
    return _UNKNOWN if workload.trial is None else workload.trial


def _seconds(active: Sequence[Workload], lanes: int, rounds: int, *, auto: bool) -> float:
    """The newer Go's builds are there already, as each program was tried with it."""
    builds = sum(w.build or 0.0 for w in active)
    lanes = 1 if any(isinstance(w, Program) and w.has_fixed_port for w in active) else lanes
    trial = sum(map(_trial, active)) / lanes
    screened = _GROUPS * (builds + _GROUP_TRIALS * trial) if auto else 0.0
    return _OWN + builds + 2 * rounds * trial + screened


def _told(scale: Scale, everything: Sequence[Workload]) -> str:
    if not scale.without and scale.auto and not scale.long:
        return ""
    left = [w for w in everything if w.name in scale.without]
    slow = max(left or everything, key=_length)
    trial = "did not end in 10 s" if slow.trial is None else f"took {slow.trial:.1f} s"
    why = f"a build of {slow.name} took {slow.build:.0f} s and a trial {trial}"
    if scale.long:
        return f"no less would answer: {why}"
    what = listed([*(w.name for w in left), *(() if scale.auto else ("suspects",))])
    return f"without {what}, to keep it below 15 min: {why}"
