"""Resident memory at the end of main: the runtime's parts, and what only the kernel sees."""

from collections.abc import Sequence

from harness.report.charts import vega
from harness.report.charts.vega import MIB, WIDTH, Figure
from harness.report.sections import Samples
from harness.report.wording import quantity
from harness.text.visible import visible

_LAYERS = {
    "live heap": "#2b7fb8",
    "garbage not yet swept": "#7db7dc",
    "unused in spans": "#4d9d84",
    "free, not returned": "#a7cfa3",
    "stacks": "#8c6bb1",
    "runtime metadata": "#c3add9",
    "unseen by the runtime": "#d9622b",
}
"""With their colours, from left to right."""


def memory_layers(
    samples: Samples, workloads: Sequence[str], variants: Sequence[tuple[str, str]]
) -> Figure | None:
    """Medians over rounds, a bar for each workload and variant (a role and a name)."""
    rows, table = [], [("Workload", "Variant", *_LAYERS, "Resident")]
    for workload in workloads:
        for role, variant in variants:
            parts = _parts(samples, workload, variant)
            if parts is None:
                continue
            resident = samples.median(workload, variant, "rss.end")
            sizes = (*parts.values(), resident)
            table.append((workload, variant, *(quantity(size, "bytes") for size in sizes)))
            rows += [
                {
                    "workload": visible(workload), "variant": f"{visible(variant)} ({role})",
                    "layer": layer, "order": order, "mib": size / MIB,
                    "tip": vega.tip(visible(variant), f"{layer} {quantity(size, 'bytes')}"),
                }
                for order, (layer, size) in enumerate(parts.items())
            ]  # fmt: skip
    if not rows:
        return None
    chart = {
        "data": vega.values(rows),
        "width": WIDTH - 200,
        "height": {"step": 26},
        "mark": {"type": "bar"},
        "encoding": {
            "x": vega.quantitative("mib", aggregate="sum", title="MiB resident at the end of main"),
            "y": vega.nominal("variant", title=None, sort=None),
            "color": vega.nominal("layer", title=None, scale=vega.colors(_LAYERS)),
            "order": vega.quantitative("order"),
            "description": vega.nominal("tip"),
            "row": vega.rows_by_workload(),
        },
    }
    title = "Where resident memory sits: kernel against runtime"
    note = (
        "Medians over rounds. Left of zero: memory that the runtime mapped and nothing touched, "
        "so the kernel never made it resident."
    )
    return Figure("layers", title, note, vega.draw(chart, title), table=tuple(table))


def _parts(samples: Samples, workload: str, variant: str) -> dict[str, float] | None:
    """Bytes of each layer, in the order of ``_LAYERS``."""

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
    sizes = (
        min(live, objects), abs(objects - live), unused, free, stacks, max(0.0, mapped - known),
        resident - mapped,
    )  # fmt: skip
    return dict(zip(_LAYERS, sizes, strict=True))
