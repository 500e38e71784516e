"""Heap by allocation site and by stack, candidate against baseline."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from harness.errors import HarnessError
from harness.profiles.sites import by_site
from harness.report.charts import vega
from harness.report.charts.vega import WIDTH, Chart, Figure
from harness.report.wording import quantity
from harness.run.contents import Heap, Reading
from harness.run.store import Run
from harness.text.visible import visible

_FUNCTIONS = 20
"""Rows of the table."""
_WORDS = {"inuse_space": "Live heap", "alloc_space": "Allocated memory"}
"""By kind of sample: what the heap holds, in words."""
_RESIDENCY = {"resident_space": "Resident", "zero_space": "Never written"}
"""What of the live heap is resident, and what of that holds only zeros."""
_STRONG = 0.2
"""Change of a frame, as a part of all bytes, that takes the full colour at least."""
_TYPES = re.compile(r"\[[^\[\]]*\]")
"""Type arguments, from within."""
_WITHIN = re.compile(r"(\.(func|gowrap)?\d+|-fm|-range\d+)+$")
"""What the compiler puts behind the name of a function for the functions within it."""
_FRAME = 0.002
"""Narrower frames of the flame graph, as a part of its width, cannot be seen."""


def heap_difference(
    run: Run, workload: str, baseline: str, candidate: str, key: str, reading: Reading
) -> Figure | None:
    """Heap by allocation site, candidate less baseline, with a flame graph of both.

    A program whose main has returned has often nothing live left: where that holds for both, what
    they allocated over the whole trial is shown. ``key`` is the figure's id in the page.
    """
    sides = [_mean_heaps(run, workload, variant, reading) for variant in (baseline, candidate)]
    kinds = (k for k in _WORDS if all(k in side for side in sides))
    kind = next((k for k in kinds if any(any(side[k].values()) for side in sides)), None)
    if kind is None:
        return None
    before, after = (side[kind] for side in sides)
    title = f"{_WORDS[kind]} by stack: {visible(workload)}"
    note = (
        "Root at the top; width is the candidate's bytes or the baseline's, whichever are more; "
        "orange grew, blue shrank. Sampled by the runtime; means over rounds."
    )
    svg = vega.draw(_flame_graph(before, after), title)
    table = _table(sides, kind, run.manifest.module_of(workload))
    return Figure(key, title, note, svg, table=table)


def _table(
    sides: Sequence[Mapping[str, Heap]], kind: str, module: str
) -> tuple[tuple[str, ...], ...]:
    """The allocation sites that differ the most, and what of their memory is resident."""
    kinds = [kind, *(k for k in _RESIDENCY if all(k in side for side in sides))]
    held = {k: [by_site(side[k], module) for side in sides] for k in kinds}
    rows = []
    for name in {site for columns in held.values() for column in columns for site in column}:
        sizes = [tuple(column.get(name, 0.0) for column in held[k]) for k in kinds]
        if any(map(any, sizes)):
            rows.append((-max(abs(after - before) for before, after in sizes), name, sizes))
    rows.sort()
    return (
        ("Allocated by", "Baseline", "Candidate", "Difference", *(
            f"{_RESIDENCY[k]}, {role}" for k in kinds[1:] for role in ("baseline", "candidate")
        )),
        *(
            (name, *(quantity(size, "bytes") for size in (*own, own[1] - own[0], *chain(*more))))
            for _, name, (own, *more) in rows[:_FUNCTIONS]
        ),
    )  # fmt: skip


def _flame_graph(before: Heap, after: Heap) -> Chart:
    rows = _frames(before, after)
    depth = max(row["depth"] for row in rows) + 1
    total = max(sum(before.values()), sum(after.values()))
    widest = max(_STRONG * total, *(abs(row["delta"]) for row in rows))
    scale = {"domain": [-widest, 0, widest], "range": ["#6fb7dd", "#d5dae0", "#ef9564"]}
    frames = {
        "mark": {"type": "rect", "stroke": "#ffffff", "strokeWidth": 0.5},
        "encoding": {
            "x2": {"field": "x1"},
            "y2": {"field": "depth1"},
            "color": vega.quantitative("delta", legend=None, scale=scale),
        },
    }
    names = {
        "transform": [{"filter": "datum.x1 - datum.x0 > 0.08"}],
        "mark": {
            "type": "text", "align": "left", "baseline": "middle", "dx": 4, "dy": 10,
            "fontSize": 11, "limit": 0,
        },
        "encoding": {"text": vega.nominal("label")},
    }  # fmt: skip
    return {
        "data": vega.values(rows),
        "width": WIDTH,
        "height": depth * 20,
        "encoding": {
            "x": vega.quantitative("x0", axis=None, scale={"domain": [0, 1]}),
            "y": vega.quantitative("depth", axis=None, scale={"domain": [depth, 0]}),
            "description": vega.nominal("tip"),
        },
        "layer": [frames, names],
    }


def _mean_heaps(run: Run, workload: str, variant: str, reading: Reading) -> dict[str, Heap]:
    """By kind of sample, if all profiles have it; empty without a profile that can be read."""
    found = []
    for trial in run.trials:
        if trial.ok and (trial.workload, trial.variant) == (workload, variant):
            with suppress(HarnessError):  # the verdict says so
                found.append(reading.heaps(trial, (*_WORDS, *_RESIDENCY)))
    known = [heaps for heaps in found if heaps is not None]
    means: dict[str, Heap] = {}
    for kind in (*_WORDS, *_RESIDENCY):
        if known and all(kind in heaps for heaps in known):
            means[kind] = defaultdict(float)
            for heaps in known:
                for stack, size in heaps[kind].items():
                    means[kind][stack] += size / len(known)
    return means


def _frames(before: Heap, after: Heap) -> list[dict[str, Any]]:
    """Rectangles of a flame graph whose widths hold either heap."""
    sums: dict[tuple[str, ...], list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for stack in sorted(before.keys() | after.keys()):
        old, new = before.get(stack, 0.0), after.get(stack, 0.0)
        for depth in range(len(stack) + 1):
            for index, size in enumerate((old, new, max(old, new))):
                sums[stack[:depth]][index] += size
    total = sums[()][2] or 1.0
    rows: list[dict[str, Any]] = []
    starts: Heap = {(): 0.0}
    used: Heap = defaultdict(float)
    for stack in sorted(sums, key=lambda s: (len(s), s)):
        old, new, both = sums[stack]
        width = both / total
        if stack:
            starts[stack] = starts[stack[:-1]] + used[stack[:-1]]
            used[stack[:-1]] += width
        if width < _FRAME:
            continue
        name = visible(stack[-1]) if stack else "all"
        sizes = f"{quantity(new, 'bytes')}, was {quantity(old, 'bytes')}"
        rows.append(
            {
                "x0": starts[stack], "x1": starts[stack] + width,
                "depth": len(stack), "depth1": len(stack) + 1, "delta": new - old,
                "label": label(name, int(width * WIDTH / 6.5)),
                "tip": vega.tip("", f"{name}: {sizes}"),
            }
        )  # fmt: skip
    return rows


def label(name: str, room: int) -> str:
    """As much of a function's name as there is room for: the function before its package."""
    bare = name
    while (shorter := _TYPES.sub("", bare)) != bare:
        bare = shorter
    short = bare.rpartition("/")[2]
    named = _WITHIN.sub("", short)
    forms = (short, short.partition(".")[2], named, named.rpartition(".")[2])
    whole = next((form for form in forms if form and len(form) <= room), None)
    return whole or _shortened(forms[-1], room)


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
