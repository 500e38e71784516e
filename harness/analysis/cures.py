"""Cures: measured variants without the change, and what flipping took it away."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.analysis.design import Design, subsets
from harness.analysis.models import Cure
from harness.analysis.shares import ERROR, Shares
from harness.golang.records import ToolchainRecord
from harness.golang.versions import GoVersion
from harness.plan.variants import Toggle, state_of, toggles_between

Flipped = tuple[str, ...]
"""Names of suspects that were flipped together, sorted."""


@dataclass(frozen=True)
class WayOut:
    """A variant of the candidate's toolchain that is shown to be back at the baseline."""

    cure: Cure
    outweighs: bool = False
    """Whether the change is still there against the baseline in the same conditions, so that these
    only make up for it."""


def minimal_cures(shares: Shares) -> tuple[list[frozenset[Toggle]], bool]:
    """The smallest sets of toggles that restore the baseline: less than the limit remains.

    A set counts only if every smaller one that was measured is shown not to restore it; otherwise
    chance would pair a culprit with a bystander. Also returns whether further rounds may add a set
    of suspects.
    """
    suspects = suspect_sets(shares.design)
    cures: list[frozenset[Toggle]] = []
    undecided: list[frozenset[Toggle]] = []
    cells = {**suspects, **shares.design.others}
    for toggles in sorted(cells, key=lambda s: (len(s), sorted(s))):
        if any(smaller <= toggles for smaller in cures):
            continue
        found = [shares.missing_in(cells[toggles])]
        if toggles in suspects:  # if the baseline moves by as much, nothing is cured
            found.append(shares.of_flipping(names_of(toggles)))
        restored = all(share.restores for share in found)
        if restored and not any(smaller < toggles for smaller in undecided):
            cures.append(toggles)
        elif all(share.rest.above > ERROR for share in found):
            undecided.append(toggles)
    return cures, any(toggles in suspects for toggles in undecided)


def suspect_sets(design: Design) -> dict[frozenset[Toggle], str]:
    """The sets of flipped suspects that were measured: toggles → variant."""
    return {
        frozenset(Toggle("experiment", name) for name in flipped): variant
        for flipped, variant in design.cells.items()
        if flipped
    }


def names_of(toggles: Iterable[Toggle]) -> Flipped:
    """The toggles' names, sorted."""
    return tuple(sorted(toggle.name for toggle in toggles))


def joint_sets(shares: Shares) -> list[Flipped]:
    """Sets that are shown to explain more than half, and each of their subsets less than half.

    This takes fewer rounds than a cure, because nothing has to be shown to be small.
    """
    cells = sorted((s for s in shares.design.cells if s), key=lambda s: (len(s), sorted(s)))
    found = {flipped: shares.of_flipping(flipped) for flipped in cells}
    return [
        tuple(sorted(flipped))
        for flipped, share in found.items()
        if len(flipped) > 1
        and share.half.above <= ERROR
        and all(
            frozenset(part) in found and found[frozenset(part)].half.below <= ERROR
            for part in subsets(flipped)[1:-1]
        )
    ]


def way_out(shares: Shares, toggles: frozenset[Toggle]) -> WayOut | None:
    """What flipping a minimal set of toggles amounts to; ``None`` for what is not yet shown."""
    design, comparison = shares.design, shares.comparison
    suspects = suspect_sets(design)
    variant = design.plan.variant({**suspects, **design.others}[toggles])
    cure = Cure(
        **comparison.subject,
        variant=variant.name,
        toggles=names_of(t for t in toggles if t.kind == "experiment"),
        conditions=tuple(sorted(state_of(t, variant) for t in toggles if t.kind != "experiment")),
    )
    if variant.name == comparison.baseline and toggles in design.others:
        return None
    counterpart = design.counterparts.get(variant.name, comparison.baseline)
    compared = counterpart in shares.table.cells and counterpart != comparison.baseline
    if toggles in suspects or not compared:
        return WayOut(cure)
    limit = shares.of({variant.name: 1.0, counterpart: -1.0}).limit
    shown = limit.below <= ERROR or limit.above <= ERROR
    return WayOut(cure, outweighs=limit.below > ERROR) if shown else None


def other_toolchains(shares: Shares) -> tuple[Cure, ...]:
    """Other toolchains without the change, with the candidate's settings and conditions."""
    design = shares.design
    own = design.candidate.toolchain
    return tuple(
        Cure(
            **shares.comparison.subject, variant=v.name,
            newer=_is_newer(v.toolchain, own, design.toolchains),
        )
        for v in design.plan.variants
        if v.toolchain not in (own, design.baseline.toolchain)
        and v.name in shares.table.cells
        and all(t.kind == "toolchain" for t in toggles_between(design.candidate, v))
        and shares.missing_in(v.name).restores
    )  # fmt: skip


def _is_newer(a: str, b: str, toolchains: Mapping[str, ToolchainRecord]) -> bool | None:
    try:
        return GoVersion.parse(toolchains[a].version) > GoVersion.parse(toolchains[b].version)
    except (KeyError, ValueError):  # a path, a commit or a patched toolchain is no release
        return None
