"""Heap by function and by stack, candidate against baseline."""

from collections import defaultdict
from typing import Any

from harness.errors import HarnessError
from harness.profiles.pprof import Stack
from harness.profiles.sites import by_site
from harness.report.charts import vega
from harness.report.charts.vega import WIDTH, Chart, Figure
from harness.report.wording import quantity
from harness.run.contents import Reading
from harness.run.store import Run
from harness.text.visible import visible

Heap = dict[Stack, float]
"""Bytes by stack."""

_FUNCTIONS = 20
"""Rows of the table."""
_KINDS = (("inuse_space", "Live heap"), ("alloc_space", "Allocated memory"))
_STRONG = 0.2
"""Change of a frame, as a part of all bytes, that takes the full colour at least."""
_FRAME = 0.002
"""Narrower frames of the flame graph, as a part of its width, cannot be seen."""


def heap_difference(
    run: Run, workload: str, baseline: str, candidate: str, key: str, reading: Reading
) -> Figure | None:
    """Heap by function, candidate less baseline, with a flame graph of both.

    A program whose main has returned has often nothing live left: where that holds for both, what
    they allocated over the whole trial is shown. ``key`` is the figure's id in the page.
    """
    found = _heaps(run, workload, baseline, candidate, reading)
    if found is None:
        return None
    words, before, after = found
    title = f"{words} by stack: {visible(workload)}"
    note = (
        "Root at the top; width is the candidate's bytes or the baseline's, whichever are more; "
        "orange grew, blue shrank. Sampled by the runtime; means over rounds."
    )
    svg = vega.draw(_flame_graph(before, after), title)
    return Figure(
        key, title, note, svg, table=_table(before, after, run.manifest.module_of(workload))
    )


def _heaps(
    run: Run, workload: str, baseline: str, candidate: str, reading: Reading
) -> tuple[str, Heap, Heap] | None:
    """What the heaps hold, in words, and both of the first kind that holds anything."""
    for kind, words in _KINDS:
        before = _mean_heap(run, workload, baseline, kind, reading)
        after = _mean_heap(run, workload, candidate, kind, reading)
        if before is not None and after is not None and any((*before.values(), *after.values())):
            return words, before, after
    return None


def _table(before: Heap, after: Heap, module: str) -> tuple[tuple[str, ...], ...]:
    """The functions that differ the most, by the bytes that are allocated there."""
    held, holds = (by_site(heap, module) for heap in (before, after))
    sizes = {name: (held.get(name, 0.0), holds.get(name, 0.0)) for name in {*held, *holds}}
    rows = [(name, old, new, new - old) for name, (old, new) in sizes.items() if old or new]
    rows.sort(key=lambda row: (-abs(row[3]), row[0]))
    return (
        ("Function", "Baseline", "Candidate", "Difference"),
        *((name, *(quantity(n, "bytes") for n in sizes)) for name, *sizes in rows[:_FUNCTIONS]),
    )


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


def _mean_heap(run: Run, workload: str, variant: str, kind: str, reading: Reading) -> Heap | None:
    total: Heap = defaultdict(float)
    count = 0
    for trial in run.trials:
        if trial.ok and (trial.workload, trial.variant) == (workload, variant):
            try:
                heap = reading.heap(trial, kind)
            except HarnessError:  # the verdict says so
                continue
            count += heap is not None
            for stack, size in (heap or {}).items():
                total[stack] += size
    return {stack: size / count for stack, size in total.items()} if count else None


def _frames(before: Heap, after: Heap) -> list[dict[str, Any]]:
    """Rectangles of a flame graph whose widths hold either heap."""
    sums: dict[Stack, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
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
                "label": _shortened(name.rpartition("/")[2], int(width * WIDTH / 6.5)),
                "tip": vega.tip("", f"{name}: {sizes}"),
            }
        )  # fmt: skip
    return rows


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"
