"""Address space by class of mapping: reserved size against what is resident."""

import statistics
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

from harness.metrics.account import PARTS
from harness.report.charts import vega
from harness.report.charts.vega import MIB, WIDTH, Figure
from harness.report.wording import quantity
from harness.run.records import TrialRecord
from harness.run.store import Run
from harness.text.visible import visible

_LEAST = 1024
"""Bytes: a logarithmic axis has no zero."""
_WORDS = {
    "go heap": "arenas of the Go heap",
    "go metadata": "other anonymous memory",
    "other": "other anonymous memory",
    "stack": "the first thread's stack",
    "thread stack": "stacks of C threads",
    "vdso": "pages of the kernel",
} | {part: PARTS[part] for part in ("text", "data", "c heap", "file")}
"""By class of ``smaps``. A class that is a part of the account has the part's words; the others are
divided there, and must not be taken for a part of a similar name."""

_Sizes = dict[str, tuple[int, int]]
"""By class, in words: bytes of address space, and of these resident."""


def address_space(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Figure | None:
    """Means over rounds, from smaps at the end of main; variants are pairs of role and name."""
    rows: list[dict[str, Any]] = []
    table = [("Workload", "Variant", "Class", "Size", "Resident")]
    for workload, role, variant, kind, *sizes in _regions(run, workloads, variants):
        size, rss = (quantity(value, "bytes") for value in sizes)
        table.append((workload, variant, kind, size, rss))
        reserved, resident = (max(value, _LEAST) / MIB for value in sizes)
        text = f"{visible(kind)}: {rss} resident of {size}"
        rows.append(
            {
                "workload": visible(workload), "class": visible(kind), "role": role,
                "size": reserved, "rss": resident, "tip": vega.tip(visible(variant), text),
            }
        )  # fmt: skip
    if not rows:
        return None
    label = "MiB (log): dot resident, line up to its size"
    rule = {"mark": {"type": "rule", "opacity": 0.5}, "encoding": {"x2": {"field": "size"}}}
    point = {"mark": {"type": "point", "filled": True, "size": 60}}
    chart = {
        "data": vega.values(rows),
        "facet": {"row": vega.rows_by_workload()},
        "spec": {
            "width": WIDTH - 200,
            "height": {"step": 13},
            "encoding": {
                "x": vega.quantitative("rss", title=label, scale={"type": "log"}),
                "y": vega.nominal("class", title=None, sort=None),
                "yOffset": vega.nominal("role", sort=["baseline", "candidate"]),
                "description": vega.nominal("tip"),
                "color": vega.role_color(),
            },
            "layer": [rule, point],
        },
    }
    title = "Address space by region: size against resident"
    note = "Means over rounds, by mapping, from smaps at the end of main."
    return Figure("regions", title, note, vega.draw(chart, title), table=tuple(table))


def _regions(
    run: Run, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, str, str, float, float]]:
    """Workload, role, variant, class of mapping, its size and what of it is resident."""
    found: dict[tuple[str, str], dict[tuple[str, int], _Sizes]] = defaultdict(dict)
    for trial in run.trials:
        if trial.ok and trial.smaps:
            found[trial.workload, trial.variant][trial.host, trial.round] = _in_words(trial)
    for workload in workloads:
        sides = [found[workload, variant] for _, variant in variants]
        measured = [side for side in sides if side]
        shared = [key for key in chain(*measured[:1]) if all(key in side for side in measured)]
        for (role, variant), side in zip(variants, sides, strict=True):
            rounds = [side[key] for key in shared if side]
            for name in dict.fromkeys(name for sizes in rounds for name in sizes):
                each = [sizes.get(name, (0, 0)) for sizes in rounds]
                size, rss = (statistics.fmean(column) for column in zip(*each, strict=True))
                yield workload, role, variant, name, size, rss


def _in_words(trial: TrialRecord) -> _Sizes:
    sizes: _Sizes = {}
    for kind, fields in trial.smaps.items():
        name = _WORDS.get(kind, kind)
        size, rss = sizes.get(name, (0, 0))
        sizes[name] = size + fields.get("size", 0), rss + fields.get("rss", 0)
    return sizes
