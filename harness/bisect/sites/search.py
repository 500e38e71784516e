"""Find the places in a program that need a toggle, by screening them as toggles are screened."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.analysis.screening.models import (
    Culprit,
    Outcome,
    Row,
)
from harness.bisect.points import Finding, Point, Span
from harness.bisect.prepare import Setup
from harness.bisect.record import Site
from harness.bisect.sites.answer import Narrowed
from harness.bisect.sites.names import Names
from harness.bisect.sites.places import (
    OUTSIDE,
    Places,
    chosen_value,
    innermost,
    other_lines,
    own_lines,
    shown,
    stacks_of,
    switch_of,
)
from harness.bisect.sites.protocol import EVERY, NONE
from harness.bisect.toggles import Toggled
from harness.bisect.turning import Turning
from harness.errors import HarnessError
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle
from harness.golang.godebugs import parse, settings_of
from harness.golang.sources.inputs import inputs_of
from harness.plan.sides import turned_back
from harness.plan.suspects import Suspected
from harness.plan.variants import Variant
from harness.session.execute import output_of

_OUTPUT = 16 << 20
"""Bytes of what a program reports that are read."""


def narrow_toggles(found: Toggled, span: Span, setup: Setup) -> Iterator[Narrowed]:
    """Search the places of each culprit whose places can be told apart."""
    for culprit in found.culprits:
        for label in sorted(culprit.toggles):
            suspect = found.suspects[label]
            if suspect.kind == "godebug" or switch_of(suspect):
                beside = [found.suspects[other] for other in sorted(culprit.toggles - {label})]
                setup.say(f"searching the places in the program that need {label}")
                yield _narrowed(suspect, beside, span, setup, found.limit)


def _narrowed(
    suspect: Suspected, beside: Sequence[Suspected], span: Span, setup: Setup, limit: float
) -> Narrowed:
    if any(other.kind == "patch" for other in beside):
        return Narrowed(suspect.label, problem="it acts only together with a patch")
    search = _Sites(suspect, beside, span, setup, limit)
    try:
        return search.run()
    except HarnessError as error:
        return Narrowed(suspect.label, problem=str(error))


class _Sites:
    """The places of one toggle, under way."""

    def __init__(
        self, suspect: Suspected, beside: Sequence[Suspected], span: Span, setup: Setup,
        limit: float,
    ) -> None:  # fmt: skip
        self._suspect, self._beside, self._span = suspect, beside, span
        self._setup, self._runner, self._limit = setup, setup.runner, limit
        self._toolchain = span.newer.toolchain
        self._variant = setup.runner.variant_of(span.newer)
        self._source = setup.runner.source_of(self._variant)
        self._names = Names(self._source, self._toolchain, setup.cache)
        self._turning = Turning(span, setup, _additive)
        self._findings: list[Finding] = []

    def run(self) -> Narrowed:
        """Search in the program's own module first, and only if need be in others.

        Raises:
            HarnessError: there are no places to tell apart, or they cannot be asked for.
        """
        switch = switch_of(self._suspect)
        places = self._stacks() if switch is None else own_lines(self._request, switch, self._cache)
        outcome = self._screened(places)
        sites = self._sites(places, outcome)
        if switch and any(OUTSIDE in culprit.toggles for culprit in outcome.culprits):
            places = other_lines(self._request, switch, self._cache)
            outcome = self._screened(places)
            sites += self._sites(places, outcome)
        return Narrowed(
            self._suspect.label, tuple(sites), len(outcome.ruled_out),
            tuple(dict.fromkeys(outcome.open.values())), findings=tuple(self._findings),
        )  # fmt: skip

    @property
    def _cache(self) -> Path:
        return self._setup.cache

    @property
    def _request(self) -> BuildRequest:
        """The build of the newer point."""
        return settle(self._runner.request_of(self._span.newer), self._cache)

    def _stacks(self) -> Places:
        """The call stacks that consult a GODEBUG setting, seen with it turned back and without."""
        name, own = self._suspect.name, parse(self._variant.env.get("GODEBUG", ""))
        values = parse(inputs_of(self._request.cell, self._cache).godebug) | own
        setting = settings_of(self._toolchain.goroot)[name]
        value, kept = chosen_value(setting, values.get(name), self._suspect.back)
        if problem := self._runner.build(self._point([])):
            raise HarnessError(problem)
        outputs = []
        for every in (EVERY, NONE):
            back = Suspected(kind="godebug", name=name, back=f"{value}#{every}")
            variant = self._turned_back([back])
            outputs.append(
                output_of(
                    self._runner.directory, self._runner.manifest, self._runner.workload,
                    variant, _OUTPUT,
                )
            )  # fmt: skip
        return stacks_of(tuple(outputs), name, value, kept=kept)

    def _turned_back(self, suspects: Sequence[Suspected]) -> Variant:
        """The newer point with suspects turned back, and all that act only together with them."""
        chosen = (*self._beside, *suspects)
        return turned_back(self._variant, chosen, self._toolchain.experiments)

    def _screened(self, places: Places) -> Outcome:
        places.check()
        outcome, findings = self._turning.screened(
            list(places.known), lambda back: self._point(places.turning_back(back)), "places",
            self._limit,
        )  # fmt: skip
        self._findings += findings
        return outcome

    def _point(self, suspects: Sequence[Suspected]) -> Point:
        return Point.of(self._turned_back(suspects), self._toolchain)

    def _sites(self, places: Places, outcome: Outcome) -> list[Site]:
        return [
            self._site(places, key, culprit)
            for culprit in outcome.culprits
            for key in sorted(culprit.toggles, key=list(places.known).index)
            if key != OUTSIDE
        ]

    def _site(self, places: Places, key: str, culprit: Culprit) -> Site:
        source = self._source
        frames = places.known[key]
        at = innermost(frames, source)
        stack = tuple(shown(frame, source) for frame in frames)
        return Site(
            toggle=self._suspect.label, kind=places.kind,
            at=shown(at if at.function else self._names.named(at), source),
            stack=stack if len(stack) > 1 else (),
            share=culprit.share.value, ci=culprit.share.ci, joint=culprit.joint,
        )  # fmt: skip


def _additive(row: Row) -> Row:
    """A round on a scale of differences: what several places allocate or retain adds up."""
    return Row(0.0, row.candidate - row.baseline, row.value - row.baseline)
