"""The charts of a report, each with the table that holds the same numbers."""

import statistics
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import altair as alt

from harness.analysis.models import Suspect
from harness.profiles.pprof import Stack
from harness.report.drawing import PLAIN, Figure, draw, tip
from harness.report.sections import Samples
from harness.report.wording import quantity, share, shares
from harness.run.contents import read_heap, read_series
from harness.run.series import thinned
from harness.run.store import Run
from harness.text.visible import visible

if TYPE_CHECKING:
    from harness.run.records import TrialRecord

_MIB = 1 << 20
_ROLES = ("baseline", "candidate", "other")
_ROLE_COLORS = ("#2b7fb8", "#d9622b", PLAIN)
_GRID = 100
"""Points of a median curve."""
_MANY_VARIANTS = 24
"""Above it, single rounds are no longer drawn: faint lines would only make a grey surface."""
_TIMES = 5
"""Columns of the table of memory over time."""
_FUNCTIONS = 20
_KINDS_OF_HEAP = (("inuse_space", "Live heap"), ("alloc_space", "Allocated memory"))
_STRONG = 0.2
"""Change of a frame, as a part of all bytes, that takes the full colour at least."""
_FRAME = 0.002
"""Narrower frames of the flame graph, as a part of its width, cannot be seen."""
_WIDTH = 760
_PANEL = _WIDTH // 3 - 25

_LAYERS = (
    ("live heap", "#2b7fb8"),
    ("garbage not yet swept", "#7db7dc"),
    ("unused in spans", "#4d9d84"),
    ("free, not returned", "#a7cfa3"),
    ("stacks", "#8c6bb1"),
    ("runtime metadata", "#c3add9"),
    ("unseen by the runtime", "#d9622b"),
)


def lineup(suspects: Sequence[Suspect], limit: float, half: float) -> Figure | None:
    """Shares of the change with their intervals, and the limits that decide the verdicts."""
    known = [s for s in suspects if s.share is not None]
    if not known:
        return None
    several = len({(s.workload, s.metric) for s in known}) > 1
    rows = []
    for s in known:
        name = visible(" + ".join(s.experiments))
        row = f"{visible(s.workload)}, {s.metric}: {name}" if several else name
        value = s.share or 0.0
        low, high = s.ci or (value, value)
        rows.append(
            {
                "row": row, "share": _clamp(value), "low": _clamp(low), "high": _clamp(high),
                "verdict": s.verdict,
                "tip": tip("", f"{row}: {share(value)}, {shares((low, high))}, {s.verdict}"),
            }
        )  # fmt: skip
    colors = alt.Color(
        "verdict:N",
        legend=None,
        scale=alt.Scale(
            domain=["ruled out", "contributes", "implicated", "inconclusive", "not applicable"],
            range=["#2e8b57", "#b98a12", "#c9382e", "#8a949f", "#8a949f"],
        ),
    )
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("row:N", title=None, sort=None), description="tip:N"
    )
    scale = alt.Scale(domain=[-0.5, 1.5])
    axis = alt.Axis(format="%", values=[-0.5, 0, 0.5, 1, 1.5])
    intervals = base.mark_rule(strokeWidth=3).encode(
        x=alt.X("low:Q", title="share of the change explained", scale=scale, axis=axis),
        x2="high:Q",
        color=colors,
    )
    points = base.mark_point(filled=True, size=90).encode(
        x=alt.X("share:Q", scale=scale), color=colors
    )
    limits = (
        alt.Chart(_data([{"x": x} for x in (-limit, limit, half)]))
        .mark_rule(strokeDash=[4, 3], color="#8a949f")
        .encode(x="x:Q")
    )
    title = "Share of the change that each suspect explains"
    note = (
        f"Points with intervals. An interval between the dashed lines at ±{share(limit)} rules a "
        f"suspect out; one above {share(half)} implicates it."
    )
    svg = draw((limits + intervals + points).properties(width=_WIDTH - 200), title)
    return Figure("lineup", title, note, svg)


def layers(
    samples: Samples, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Figure | None:
    """Resident memory at the end of main, split by who knows of it.

    Args:
        samples: of the run.
        workloads: in order.
        variants: pairs of role and name.
    """
    rows, table = [], [("Workload", "Variant", *(name for name, _ in _LAYERS), "Resident")]
    for workload in workloads:
        for role, variant in variants:
            parts = _layers_of(samples, workload, variant)
            if parts is None:
                continue
            resident = samples.median(workload, variant, "rss.end")
            table.append(
                (workload, variant, *(quantity(parts[name], "bytes") for name, _ in _LAYERS),
                 quantity(resident, "bytes"))
            )  # fmt: skip
            for order, (name, _) in enumerate(_LAYERS):
                rows.append(
                    {
                        "workload": visible(workload), "variant": f"{visible(variant)} ({role})",
                        "layer": name, "order": order, "mib": parts[name] / _MIB,
                        "tip": tip(visible(variant), f"{name} {quantity(parts[name], 'bytes')}"),
                    }
                )  # fmt: skip
    if not rows:
        return None
    chart = (
        alt.Chart(_data(rows))
        .mark_bar()
        .encode(
            x=alt.X("sum(mib):Q", title="MiB resident at the end of main"),
            y=alt.Y("variant:N", title=None, sort=None),
            color=alt.Color(
                "layer:N", title=None,
                scale=alt.Scale(domain=[n for n, _ in _LAYERS], range=[c for _, c in _LAYERS]),
            ),
            order="order:Q",
            description="tip:N",
            row=alt.Row("workload:N", title=None, sort=None,
                        header=alt.Header(labelAngle=0, labelOrient="top", labelAnchor="start")),
        )
        .properties(width=_WIDTH - 200, height=alt.Step(26))
    )  # fmt: skip
    title = "Where resident memory sits: kernel against runtime"
    note = (
        "Medians over rounds. Left of zero: memory that the runtime mapped but nobody has "
        "touched, so that the kernel never made it resident."
    )
    return Figure("layers", title, note, draw(chart, title), table=tuple(table))


def _layers_of(samples: Samples, workload: str, variant: str) -> dict[str, float] | None:
    def median(metric: str) -> float | None:
        return samples.median(workload, variant, metric)

    resident, mapped, live = median("rss.end"), median("runtime.mapped"), median("heap.live")
    if resident is None or mapped is None or live is None:
        return None
    objects = median("heap.objects")
    objects = live if objects is None else objects
    unused, free = median("heap.unused") or 0.0, median("heap.free") or 0.0
    stacks = median("heap.stacks") or 0.0
    known = max(live, objects) + unused + free + stacks
    return {
        "live heap": min(live, objects),
        "garbage not yet swept": abs(objects - live),
        "unused in spans": unused,
        "free, not returned": free,
        "stacks": stacks,
        "runtime metadata": max(0.0, mapped - known),
        "unseen by the runtime": resident - mapped,
    }


def over_time(run: Run, workload: str, roles: Mapping[str, str], key: str) -> Figure | None:
    """Resident memory over time: every round faint, their median strong, a panel a variant."""
    by_variant: dict[str, list[tuple[int, list[tuple[float, float]]]]] = defaultdict(list)
    for trial in run.trials:
        if trial.ok and trial.workload == workload:
            points = read_series(run, trial)
            if points:
                by_variant[trial.variant].append((trial.round, points))
    ordered = [v.name for v in run.manifest.plan.variants if v.name in by_variant]
    if not ordered:
        return None
    rows: list[dict[str, Any]] = []
    heading = tuple(f"{index * 100 // (_TIMES - 1)} % of the time" for index in range(_TIMES))
    table = [("Variant", "Rounds", *heading)]
    for variant in ordered:
        rounds = by_variant[variant]
        name, role = visible(variant), roles.get(variant, "other")
        grid, curve = _median_curve([points for _, points in rounds])
        row = {"variant": name, "role": role}
        label = tip(
            name, f"median of {len(rounds)} rounds, highest {quantity(max(curve), 'bytes')}"
        )
        rows += [
            row | {"line": "median", "strong": 1, "t": t, "mib": value / _MIB, "tip": label}
            for t, value in zip(grid, curve, strict=True)
        ]
        picks = [curve[index * (len(curve) - 1) // (_TIMES - 1)] for index in range(_TIMES)]
        table.append((variant, str(len(rounds)), *(quantity(v, "bytes") for v in picks)))
        if len(ordered) > _MANY_VARIANTS:
            continue
        for number, points in rounds:
            label = tip(
                name, f"round {number}, highest {quantity(max(v for _, v in points), 'bytes')}"
            )
            rows += [
                row | {"line": f"r{number}", "strong": 0, "t": t, "mib": v / _MIB, "tip": label}
                for t, v in thinned(points, _GRID)
            ]
    chart = (
        alt.Chart(_data(rows))
        .mark_line(interpolate="step-after")
        .encode(
            x=alt.X("t:Q", title="seconds"),
            y=alt.Y("mib:Q", title="MiB"),
            detail="line:N",
            color=_role_color(),
            opacity=alt.Opacity("strong:O", legend=None,
                                scale=alt.Scale(domain=[0, 1], range=[0.3, 1])),
            strokeWidth=alt.StrokeWidth("strong:O", legend=None,
                                        scale=alt.Scale(domain=[0, 1], range=[1, 2])),
            description="tip:N",
            facet=alt.Facet("variant:N", title=None, sort=[visible(v) for v in ordered], columns=3,
                            header=alt.Header(labelAnchor="start")),
        )
        .properties(width=_PANEL, height=90)
    )  # fmt: skip
    title = f"Resident memory over time: {visible(workload)}"
    drawn = (
        "every round faint, their median strong" if len(ordered) <= _MANY_VARIANTS else "medians"
    )
    note = f"A panel a variant, {drawn}."
    return Figure(key, title, note, draw(chart, title), _PANEL, tuple(table))


def _median_curve(rounds: list[list[tuple[float, float]]]) -> tuple[list[float], list[float]]:
    """The median of step functions on a common grid; each counts until its own end."""
    end = statistics.median(points[-1][0] for points in rounds)
    grid = [end * index / (_GRID - 1) for index in range(_GRID)]
    times = [[t for t, _ in points] for points in rounds]
    curve = []
    for t in grid:
        values = [
            points[max(0, bisect_right(starts, t) - 1)][1]
            for points, starts in zip(rounds, times, strict=True)
            if starts[-1] >= t
        ]
        curve.append(statistics.median(values))
    return grid, curve


def in_order(run: Run, metric: str, unit: str, roles: Mapping[str, str]) -> Figure | None:
    """Every trial of a metric as a dot, in the order in which they ran."""
    counts: dict[str, int] = defaultdict(int)
    rows = []
    scale = _MIB if unit == "bytes" else 1
    for trial in sorted(run.trials, key=lambda t: (t.started, t.workload, t.variant, t.round)):
        value = trial.metrics.get(metric)
        counts[trial.workload] += 1
        if not trial.ok or value is None:
            continue
        name = visible(trial.variant)
        rows.append(
            {
                "workload": visible(trial.workload), "order": counts[trial.workload],
                "value": value / scale, "role": roles.get(trial.variant, "other"),
                "tip": tip(name, f"round {trial.round}, {quantity(value, unit)}"),
            }
        )  # fmt: skip
    if not rows:
        return None
    chart = (
        alt.Chart(_data(rows))
        .mark_point(filled=True, size=36, opacity=0.8, shape="circle")
        .encode(
            x=alt.X("order:Q", title="trials in the order in which they ran"),
            y=alt.Y("value:Q", title="MiB" if unit == "bytes" else unit,
                    scale=alt.Scale(zero=False)),
            color=_role_color(),
            description="tip:N",
            row=alt.Row("workload:N", title=None, sort=None,
                        header=alt.Header(labelAngle=0, labelOrient="top", labelAnchor="start")),
        )
        .properties(width=_WIDTH, height=130)
        .resolve_scale(x="independent", y="independent")
    )  # fmt: skip
    title = f"Every trial in run order: {metric}"
    note = "A slope or a step that all variants share is drift of the machine, not an effect."
    return Figure(f"order-{metric.replace('.', '-')}", title, note, draw(chart, title))


def regions(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Figure | None:
    """Address space by class of mapping: reserved size against what is resident."""
    chosen = {name for _, name in variants}
    found: dict[tuple[str, str], list[TrialRecord]] = defaultdict(list)
    for trial in run.trials:
        if trial.ok and trial.smaps and trial.variant in chosen:
            found[trial.workload, trial.variant].append(trial)
    rows, table = [], [("Workload", "Variant", "Class", "Size", "Resident")]
    for workload in workloads:
        for role, variant in variants:
            trials = found[workload, variant]
            for kind in dict.fromkeys(kind for trial in trials for kind in trial.smaps):
                size, rss = (
                    statistics.median(t.smaps.get(kind, {}).get(field, 0) for t in trials)
                    for field in ("size", "rss")
                )
                table.append(
                    (workload, variant, kind, quantity(size, "bytes"), quantity(rss, "bytes"))
                )
                rows.append(
                    {
                        "workload": visible(workload), "class": visible(kind), "role": role,
                        "size": max(size, 1024) / _MIB, "rss": max(rss, 1024) / _MIB,
                        "tip": tip(
                            visible(variant),
                            f"{visible(kind)}: {quantity(rss, 'bytes')} resident of "
                            f"{quantity(size, 'bytes')}",
                        ),
                    }
                )  # fmt: skip
    if not rows:
        return None
    base = alt.Chart().encode(
        y=alt.Y("class:N", title=None, sort=None),
        yOffset=alt.YOffset("role:N", sort=["baseline", "candidate"]),
        description="tip:N",
        color=_role_color(),
    )
    x = alt.X("rss:Q", title="MiB (log): dot resident, line up to its size",
              scale=alt.Scale(type="log"))  # fmt: skip
    chart = (
        alt.layer(
            base.mark_rule(opacity=0.5).encode(x=x, x2="size:Q"),
            base.mark_point(filled=True, size=60).encode(x=x),
            data=_data(rows),
        )
        .properties(width=_WIDTH - 200, height=alt.Step(13))
        .facet(
            row=alt.Row("workload:N", title=None, sort=None,
                        header=alt.Header(labelAngle=0, labelOrient="top", labelAnchor="start"))
        )
    )  # fmt: skip
    title = "Address space by region: size against resident"
    return Figure("regions", title, "Medians over rounds, from smaps at the end of main.",
                  draw(chart, title), table=tuple(table))  # fmt: skip


def heap_difference(
    run: Run, workload: str, baseline: str, candidate: str, key: str
) -> Figure | None:
    """Heap by function, candidate less baseline, with a flame graph of both.

    A program whose main has returned has often nothing live left: where that holds for both, what
    they allocated over the whole trial is shown.
    """
    pairs = (
        (
            words,
            _mean_heap(run, workload, baseline, kind),
            _mean_heap(run, workload, candidate, kind),
        )
        for kind, words in _KINDS_OF_HEAP
    )
    known = next(
        (
            (words, old, new)
            for words, old, new in pairs
            if old is not None and new is not None and any((*old.values(), *new.values()))
        ),
        None,
    )
    if known is None:
        return None
    words, before, after = known
    flat: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0])
    for index, heap in enumerate((before, after)):
        for stack, size in heap.items():
            flat[stack[-1] if stack else "?"][index] += size
    held = [(name, sizes) for name, sizes in flat.items() if any(sizes)]
    ranked = sorted(held, key=lambda item: (-abs(item[1][1] - item[1][0]), item[0]))
    table = [("Function", "Baseline", "Candidate", "Difference")]
    table += [
        (name, quantity(old, "bytes"), quantity(new, "bytes"), quantity(new - old, "bytes"))
        for name, (old, new) in ranked[:_FUNCTIONS]
    ]
    rows = _frames(before, after)
    depth = max(row["depth"] for row in rows) + 1
    total = max(sum(before.values()), sum(after.values()))
    widest = max(_STRONG * total, *(abs(row["delta"]) for row in rows))
    base = alt.Chart(_data(rows)).encode(
        y=alt.Y("depth:Q", axis=None, scale=alt.Scale(domain=[depth, 0])),
        x=alt.X("x0:Q", axis=None, scale=alt.Scale(domain=[0, 1])),
        description="tip:N",
    )
    bars = base.mark_rect(stroke="#ffffff", strokeWidth=0.5).encode(
        x2="x1:Q",
        y2="depth1:Q",
        color=alt.Color(
            "delta:Q", legend=None,
            scale=alt.Scale(domain=[-widest, 0, widest], range=["#6fb7dd", "#d5dae0", "#ef9564"]),
        ),
    )  # fmt: skip
    names = (
        base.transform_filter("datum.x1 - datum.x0 > 0.08")
        .mark_text(align="left", baseline="middle", dx=4, dy=10, fontSize=11, limit=0)
        .encode(text="label:N")
    )
    title = f"{words} by stack: {visible(workload)}"
    note = (
        "Root at the top; width is the candidate's bytes or the baseline's, whichever are more; "
        "orange grew, blue shrank. Sampled by the runtime; means over rounds."
    )
    svg = draw((bars + names).properties(width=_WIDTH, height=depth * 20), title)
    return Figure(key, title, note, svg, table=tuple(table))


def _mean_heap(run: Run, workload: str, variant: str, kind: str) -> dict[Stack, float] | None:
    heaps = [
        heap
        for trial in run.trials
        if trial.ok and (trial.workload, trial.variant) == (workload, variant)
        and (heap := read_heap(run, trial, kind)) is not None
    ]  # fmt: skip
    if not heaps:
        return None
    total: dict[Stack, float] = defaultdict(float)
    for heap in heaps:
        for stack, size in heap.items():
            total[stack] += size / len(heaps)
    return dict(total)


def _frames(before: dict[Stack, float], after: dict[Stack, float]) -> list[dict[str, Any]]:
    """Rectangles of a flame graph whose widths hold either heap."""
    sums: dict[Stack, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0])
    for stack in sorted(before.keys() | after.keys()):
        old, new = before.get(stack, 0.0), after.get(stack, 0.0)
        for depth in range(len(stack) + 1):
            for index, size in enumerate((old, new, max(old, new))):
                sums[stack[:depth]][index] += size
    total = sums[()][2] or 1.0
    rows: list[dict[str, Any]] = []
    starts: dict[Stack, float] = {(): 0.0}
    used: dict[Stack, float] = defaultdict(float)
    for stack in sorted(sums, key=lambda s: (len(s), s)):
        old, new, both = sums[stack]
        width = both / total
        if stack:
            starts[stack] = starts[stack[:-1]] + used[stack[:-1]]
            used[stack[:-1]] += width
        if width < _FRAME:
            continue
        name = visible(stack[-1]) if stack else "all"
        rows.append(
            {
                "x0": starts[stack], "x1": starts[stack] + width,
                "depth": len(stack), "depth1": len(stack) + 1, "delta": new - old,
                "label": _shortened(name.rpartition("/")[2], int(width * _WIDTH / 6.5)),
                "tip": tip("", f"{name}: {quantity(new, 'bytes')}, was {quantity(old, 'bytes')}"),
            }
        )  # fmt: skip
    return rows


def _shortened(text: str, room: int) -> str:
    return text if len(text) <= room else text[: max(0, room - 1)] + "…"


def _role_color() -> alt.Color:
    return alt.Color(
        "role:N",
        title=None,
        scale=alt.Scale(domain=list(_ROLES), range=list(_ROLE_COLORS)),
    )


def _data(rows: list[dict[str, Any]]) -> alt.Data:
    return alt.Data(values=rows)  # type: ignore[no-untyped-call] # altair's generated classes


def _clamp(value: float) -> float:
    return min(1.5, max(-0.5, value))
