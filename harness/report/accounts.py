"""The account of resident memory as a table whose rows and columns add up, and in sentences."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.account_words import (
    change_of,
    largest_parts,
    never_written,
    of_changes,
    when,
)
from harness.analysis.models import Account, Verdict
from harness.report.charts.account import COLORS
from harness.report.wording import NOTHING, difference, quantity
from harness.text.words import ends

_MIB = 1 << 20
_FINE = 10 << 30
"""Resident bytes below which sizes have two digits after the point."""


@dataclass(frozen=True)
class Cell:
    """A number of the table."""

    text: str
    bytes: float | None
    """In full, for the tooltip."""


@dataclass(frozen=True)
class Row:
    """A part, or their sum, whose name is empty of colour."""

    words: str
    color: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """The parts of one workload, the largest difference first."""

    title: str
    """Whose memory it is."""
    caption: str
    headings: tuple[str, ...]
    rows: tuple[Row, ...]
    total: Row
    beside: tuple[str, ...]
    """What lies beside the sum, a sentence each."""


@dataclass(frozen=True)
class Named:
    """A part that a sentence names, with its colour."""

    words: str
    color: str
    change: str


@dataclass(frozen=True)
class Summary:
    """The largest parts of a change of resident memory."""

    change: str
    when: str
    parts: tuple[Named, ...]
    never_written: str
    """What of it was never written; empty where that is little or unknown."""


def tables(verdict: Verdict) -> list[Table]:
    """One for each account, those of children last."""
    children = [table_of(account, children=True) for account in verdict.children]
    return [table_of(account) for account in verdict.accounts] + children


def summaries(verdict: Verdict) -> dict[str, Summary]:
    """By workload, where resident memory is shown to have changed: the largest parts of that."""
    return {
        workload: Summary(
            difference(change_of(account), "bytes"),
            when(account),
            tuple(
                Named(p.words, COLORS[p.part], difference(p.difference or 0.0, "bytes"))
                for p in largest_parts(account)
            ),
            difference(zero, "bytes") if (zero := never_written(account)) else "",
        )
        for workload, account in of_changes(verdict).items()
    }


def table_of(account: Account, *, children: bool = False) -> Table:
    """The account of a program or of its ``children``; without a candidate one column of sizes."""
    whose = f"{when(account)}{'' if account.at else ' of main'}"
    if children:
        whose = f"in its children, {whose if account.at else 'each at the last snapshot of it'}"
    digits = 2 if max(abs(size or 0.0) for size in account.resident) < _FINE else 1
    before = _adding_up([p.baseline for p in account.parts], digits)
    changes = _adding_up([p.difference or 0.0 for p in account.parts], digits)
    columns = 1 if account.candidate is None else 4
    rows = [
        Row(
            part.words,
            COLORS[part.part],
            (
                *_sides(shown, change, (part.baseline, part.candidate), digits),
                Cell(_interval(part.ci, digits), None),
            )[:columns],
        )
        for part, shown, change in zip(account.parts, before, changes, strict=True)
    ]
    whole = (*_sides(sum(before), sum(changes), account.resident, digits), Cell("", None))
    headings = (
        "Part", account.baseline, account.candidate or "", "Difference", "95 % interval",
    )  # fmt: skip
    return Table(
        title=f"children of {account.workload}" if children else account.workload,
        caption=f"MiB resident {whose}: means over {_rounds(account.n)}",
        headings=headings[: columns + 1],
        rows=tuple(rows),
        total=Row(
            f"sum: resident memory{'' if children or account.at else ' (rss.end)'}",
            "",
            whole[:columns],
        ),
        beside=tuple(_beside(account)),
    )


def _rounds(count: int) -> str:
    return "one round" if count == 1 else f"{count} rounds in which both have an account"


def _sides(
    before: int, change: int, exact: tuple[float, float | None], digits: int
) -> tuple[Cell, Cell, Cell]:
    """Baseline, candidate and difference, of which the shown digits add up."""
    after = exact[1] or 0.0
    return (
        _cell(before, exact[0], digits), _cell(before + change, after, digits),
        _cell(change, after - exact[0], digits, sign="+"),
    )  # fmt: skip


def _cell(shown: int, exact: float, digits: int, sign: str = "") -> Cell:
    return Cell(_number(shown, digits, sign), exact)


def _number(shown: int, digits: int, sign: str = "") -> str:
    text = f"{shown / 10**digits:{sign if shown else ''},.{digits}f}"
    return text.replace("-", "\u2212")


def _interval(ci: tuple[float, float] | None, digits: int) -> str:
    if ci is None:
        return NOTHING
    if ci[0] == ci[1]:
        return "exact"
    return ends(ci, lambda end: _number(round(end * 10**digits / _MIB), digits, "+"))


def _adding_up(sizes: Sequence[float], digits: int) -> list[int]:
    """Round sizes to a digit of a MiB so that their sum is the rounded sum.

    The largest fractions are rounded up (the method of largest remainders).
    """
    scaled = [size * 10**digits / _MIB for size in sizes]
    shown = [math.floor(size) for size in scaled]
    missing = round(math.fsum(scaled)) - sum(shown)
    by_fraction = sorted(range(len(sizes)), key=lambda i: shown[i] - scaled[i])
    for index in by_fraction[: max(0, missing)]:
        shown[index] += 1
    return shown


def _beside(account: Account) -> Iterator[str]:
    """Sentences on what the sum does not hold, or does not tell apart."""
    if any(size is not None for size in account.zero):
        yield (
            "Of the Go heap's resident pages, never written and so only zeros: "
            f"{_both(account, account.zero)}."
        )
    if any(account.untouched):
        yield (
            "Untouched, which is mapped for the Go heap and not resident, outlined in the chart: "
            f"{_both(account, account.untouched)}."
        )
    if any(account.probe):
        yield f"Kept for the probe alone, and in no number here: {_both(account, account.probe)}."


def _both(account: Account, sizes: tuple[float | None, float | None]) -> str:
    told = [
        f"{'unknown' if size is None else quantity(size, 'bytes')} with {name}"
        for size, name in zip(sizes, (account.baseline, account.candidate), strict=True)
        if name is not None
    ]
    return " and ".join(told)
