"""``docs/metrics.md``, made from the catalogue of metrics."""

from harness.metrics.catalogue import CATALOGUE

_PAGE = """\
# Metrics

Made from `harness/metrics/catalogue.py`; change it there.

| name | unit | direction | source | meaning | caveat |
|---|---|---|---|---|---|
{rows}

Where a meaning says that main ends, a server counts as ended when it is about to be told to stop,
before its garbage is collected. What an ELF file says has no noise: any difference is a real one.

A value that its source cannot tell from zero counts as almost zero beside one of more than ten
times its size: less than a page (4 KiB of the kernel's, 8 KiB of the Go runtime's), than 1 MiB in
the collector's trace, than 1 ms of the kernel's time, than 1 µs of other time, than one of what is
counted.

A benchmark adds `BENCHMARK UNIT`, as `BenchmarkDecode/small ns/op` (in seconds). All of
`runtime/metrics` is in each trial's `runtime`, by its own names; of a histogram `NAME p50`,
`NAME p99`, `NAME max` and `NAME count`.
"""


def markdown() -> str:
    """The page."""
    rows = [
        f"| `{m.name}` | {m.unit} | {m.direction} | {m.source} | {m.meaning} | {m.caveat} |"
        for m in CATALOGUE.values()
    ]
    return _PAGE.format(rows="\n".join(rows))
