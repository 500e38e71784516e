"""Verdicts: the content of ``verdict.json``, a stable, documented format."""

from typing import Any, Literal

from pydantic import Field

from harness.models import Frozen
from harness.plan import suspects
from harness.text.words import amount, percent

Decision = Literal["increase", "decrease", "equivalent", "inconclusive"]
SuspectVerdict = Literal[
    "ruled out", "implicated", "contributes", "offsets", "inconclusive", "not applicable"
]
"""``offsets``: it acts against the change, which would be larger without it."""
Certainty = Literal["measured", suspects.Certainty]
"""What a verdict rests on: a comparison; a setting that both sides have; a program that is the same
with it turned back; that the runtime counted no use of it; or that the newer Go does not know it,
or not any more."""


class Subject(Frozen):
    """What a finding is about: baseline and candidate are names of variants."""

    workload: str
    metric: str
    baseline: str
    candidate: str

    @property
    def subject(self) -> dict[str, Any]:
        """These four fields, for what is concluded from this."""
        return {name: getattr(self, name) for name in Subject.model_fields}


class Comparison(Subject):
    """Candidate against baseline on one workload and one metric, paired over rounds."""

    unit: str
    primary: bool
    """Whether the question asks about it; all others are secondary."""
    n: int
    """Rounds in which both variants have a value."""
    baseline_value: float | None
    """Median of the baseline over its rounds, in ``unit``."""
    candidate_value: float | None
    """Median of the candidate over its rounds, in ``unit``."""
    ratio: float | None
    """Candidate / baseline; ``None`` where it cannot be formed."""
    ci: tuple[float, float] | None
    """Interval of ``ratio`` at ``confidence``."""
    confidence: float
    """As 0.95."""
    decision: Decision
    margin: float
    """Ratios within 1 ± margin count as equivalent."""
    floor: float | None = None
    """The amount, in ``unit``, that the margin is made of, where that is more than its share."""
    method: str
    """How the interval was made, and why so, in words."""
    exact: bool = False
    """Whether there is no spread, so that a difference is real however small beside the margin."""
    p: float | None = None
    """Of the hypothesis that nothing differs, for this comparison alone."""
    p_adjusted: float | None = None
    """The same, for repeated looks and for all comparisons of the run: an ``increase`` or a
    ``decrease`` needs 1 - ``confidence`` or less."""
    correction: str = ""
    """The procedure behind ``p_adjusted``, with the number of comparisons that it is for."""
    difference: float | None = None
    """Candidate less baseline, median over the rounds, in ``unit``."""
    difference_ci: tuple[float, float] | None = None
    """Interval of the difference at ``confidence``, where there is no ratio."""
    no_ratio: str = ""
    """Why there is no ratio, where one side is zero: ``the baseline is zero``, ``the baseline is
    almost zero``, ``zero in both``, or of a decrease ``all of it``, ``almost all of it``."""
    scale: str | None = None
    """Where there is no ratio: the metric of the baseline that the margin is a part of."""
    more_rounds: int | None = None
    """For ``inconclusive``: further rounds expected to decide it, if they go on like these."""
    noise: float | None = None
    """Standard deviation of a trial over its mean, pooled over both variants."""

    @property
    def allowed(self) -> str:
        """The margin in words: ``3 %``, or the amount ``512 KiB`` where that is more."""
        return percent(self.margin) if self.floor is None else amount(self.floor, self.unit)

    @property
    def changed(self) -> bool:
        """Whether the metric is shown to differ."""
        return self.decision in ("increase", "decrease")


class Suspect(Subject):
    """The verdict on a toggle, or on a set of them, for one workload and metric."""

    toggles: tuple[str, ...]
    """As people call them: ``swissmap``, ``asynctimerchan=1``."""
    verdict: SuspectVerdict
    share: float | None
    """Part of the change, on the log scale, that the toggles explain."""
    ci: tuple[float, float] | None
    reason: str
    """One sentence with the numbers behind the verdict."""
    design: str = ""
    """What the share was computed from: ``full factorial``, ``one at a time``, or ``screening``."""
    certainty: Certainty = "measured"
    one_sided: bool = False
    """Whether what the toggles cost in the baseline was not measured: the share may be that."""


class ScreeningStep(Frozen):
    """A set of suspects that was turned back, and what that did to the change."""

    toggles: tuple[str, ...]
    variant: str
    """Its name in the run's ``screening`` directory."""
    rounds: int
    """Rounds that were compared."""
    effect: Literal["nothing", "all", "part", "opposite", "unclear", "failed"]
    """Whether the change is gone with it, in part, not at all, or larger."""
    share: float | None
    """Part of the change that goes away."""
    ci: tuple[float, float] | None
    reason: str = ""
    """Why it failed."""


class Screening(Subject):
    """How suspects were told apart that were turned back in groups."""

    complete: bool
    """Whether the search is at its end."""
    excluded: str = ""
    """What exactly is excluded, where suspects were ruled out in groups."""
    steps: tuple[ScreeningStep, ...] = ()
    """In the order in which they were first measured."""


class Cure(Subject):
    """A measured way out of a change: the candidate with toggles flipped, or another toolchain."""

    variant: str
    """The variant that is shown to be without the change."""
    toggles: tuple[str, ...] = ()
    """Toggles that it sets otherwise than the candidate; empty for another toolchain."""
    conditions: tuple[str, ...] = ()
    """What it was run in otherwise than the candidate, as ``GOGC=50`` or ``race=false``."""
    newer: bool | None = None
    """For another toolchain: whether it is newer than the candidate's, where that is known."""


class Caution(Frozen):
    """Something about the data that a reader should know before trusting them."""

    workload: str | None = None
    """``None`` for what concerns the whole run."""
    kind: str
    """One word or two, as ``drift``."""
    message: str
    """What was found, in numbers."""
    remedy: str
    """What to do about it."""


class Attribution(Subject):
    """What the suspects explain of one change, in one sentence, and what is left."""

    sentence: str


class Diagnosis(Frozen):
    """Where the memory sits that a comparison found."""

    workload: str
    baseline: str
    candidate: str
    signature: str
    evidence: str


class PartChange(Frozen):
    """A part of the account on both sides, in bytes: means over the paired rounds."""

    part: str
    """A key of ``harness.metrics.account.PARTS``."""
    words: str
    """What people read."""
    baseline: float
    candidate: float | None
    """``None``, as the next two, where the question has no candidate."""
    difference: float | None
    """Candidate less baseline."""
    ci: tuple[float, float] | None
    """Interval of the difference, at 95 %; ``None`` where there are too few rounds."""


class Account(Frozen):
    """Where resident memory sits at one instant: its parts add up to ``resident``.

    Means over the rounds in which both sides have an account, in bytes: means add up, medians do
    not. Pairs are of baseline and candidate; the second is ``None`` where there is no candidate.
    """

    workload: str
    baseline: str
    candidate: str | None
    at: str = ""
    """The snapshot, as in ``marks`` of ``trials.jsonl``; empty for the end of main."""
    n: int
    """Rounds."""
    resident: tuple[float, float | None]
    """``rss.end`` of that instant; of children the sum of their resident memory."""
    parts: tuple[PartChange, ...]
    """The largest difference first."""
    untouched: tuple[float | None, float | None]
    """``heap.untouched``: mapped, never touched and so in no part. ``None`` where unknown."""
    zero: tuple[float | None, float | None]
    """``heap.zero``: what of the Go heap's parts was never written. ``None`` where unknown."""
    probe: tuple[float | None, float | None]
    """``probe.memory``: what only the probe keeps, in no part. ``None`` where unknown."""


GateState = Literal["held", "undecided", "failed"]
"""``undecided``: the interval includes a limit, or there is no interval and it is not exceeded."""


class GateResult(Subject):
    """A gate of the matrix, judged."""

    max_increase: float | None = None
    """As a part of the baseline."""
    max_increase_amount: float | None = None
    """In the metric's unit."""
    max: float | None = None
    """In the metric's unit, of the candidate's own value."""
    ratio: float | None
    """Candidate / baseline; ``None`` where it cannot be formed, or no limit asks for it."""
    ci: tuple[float, float] | None
    """Interval of the ratio."""
    difference: float | None = None
    """Candidate less baseline, in the metric's unit, where a limit is held against it."""
    difference_ci: tuple[float, float] | None = None
    value: float | None = None
    """The candidate's own, where a limit is held against it."""
    value_ci: tuple[float, float] | None = None
    n: int
    """Rounds with the values that the limits are held against; of several, the fewest."""
    state: GateState
    strict: bool = False
    """Whether an undecided one fails the run."""
    passed: bool
    """Whether the run may succeed."""
    message: str
    """Limit, observed value, interval and n in one sentence."""

    @property
    def rank(self) -> int:
        """Sorts what fails the run before what is undecided, and that before the rest."""
        if not self.passed:
            return 0
        return 1 if self.state == "undecided" else 2


class CellStatus(Frozen):
    """Whether a cell was measured, and why not."""

    variant: str
    workload: str
    status: Literal["measured", "partial", "failed", "not applicable", "not run"]
    """``not run``: it was not selected, or the run ended before."""
    reason: str | None = None


class HostChange(Frozen):
    """Candidate against baseline on one primary metric, by the rounds of one host alone.

    It is for comparison with the joint one, and made in the same way: no verdict rests on it.
    """

    metric: str
    unit: str
    n: int
    """Rounds of the host in which both variants have a value."""
    baseline_value: float | None
    """Median of the baseline there, in ``unit``."""
    candidate_value: float | None
    """Median of the candidate there, in ``unit``."""
    ratio: float | None
    ci: tuple[float, float] | None
    """Interval of ``ratio`` at 95 %; ``None`` where the host has too few rounds."""
    difference: float | None
    difference_ci: tuple[float, float] | None
    no_ratio: str
    """Why there is no ratio, as in comparisons."""
    exact: bool
    """Whether these rounds show no spread."""
    spread: float | None
    """Standard deviation of log ratios from round to round; ``None`` of one, or without ratios."""
    method: str
    """How the interval was made, or why there is none."""


class HostResult(Frozen):
    """What one host contributed to a workload, in a run of several hosts."""

    workload: str
    host: str
    """Its id, as in ``trials.jsonl``."""
    name: str
    """With the id where two hosts of the run have one name."""
    rounds: int
    """Complete ones."""
    lost: int
    """Rounds that were begun there and not completed, as when the host died."""
    failed: int
    """Trials that did not end well."""
    changes: tuple[HostChange, ...]
    """One for each primary metric; none where the question has no candidate."""


class Headline(Frozen):
    """The answer for one workload in one sentence."""

    workload: str
    sentence: str


class Verdict(Frozen):
    """Everything concluded from one run."""

    schema_version: Literal[1] = Field(default=1, alias="schema")
    headlines: tuple[Headline, ...]
    comparisons: tuple[Comparison, ...]
    suspects: tuple[Suspect, ...]
    diagnosis: tuple[Diagnosis, ...]
    gates: tuple[GateResult, ...]
    cells: tuple[CellStatus, ...]
    attributions: tuple[Attribution, ...] = ()
    cures: tuple[Cure, ...] = ()
    screenings: tuple[Screening, ...] = ()
    warnings: tuple[Caution, ...] = ()
    accounts: tuple[Account, ...] = ()
    """One for each workload that has one."""
    children: tuple[Account, ...] = ()
    """The same of the children of each program that had some at a snapshot, all together."""
    hosts: tuple[HostResult, ...] = ()
    """By workload, what each host contributed; empty where one host measured all."""
