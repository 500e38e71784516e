"""How long the report of a large run takes, how much memory and how big a page.

    python benchmarks/report.py [--paint]

A synthetic run of 100 variants, 4 workloads, 25 rounds and 40 metrics: 10,000 trials. Prints the
seconds and the peak memory of rendering, the size of the page and, with ``--paint``, the first
contentful paint in headless Chromium (median of five). Exits with 1 when a limit is exceeded.
"""

import argparse
import random
import resource
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests" / "support"))

from synthetic import EXPERIMENTS, make_run

from harness.analysis.conclusion import conclude
from harness.metrics.catalogue import CATALOGUE
from harness.report.page import render_html

VARIANTS, WORKLOADS, ROUNDS, METRICS = 100, 4, 25, 40
LIMITS = {"render": 10.0, "memory": float(1 << 30), "size": 5e6, "paint": 1.5}


def measure(workload: str, variant: str, number: int) -> dict[str, float | None]:
    """A tenth of the variants use 20 % more of the first metrics; all are a little noisy."""
    noise = random.Random(f"{workload}/{variant}/{number}")  # noqa: S311 - no secret
    shift = 1.2 if variant.endswith("7") else 1.0
    return {
        name: 1e6 * (index + 1) * (shift if index < 5 else 1.0) * noise.gauss(1, 0.01)  # noqa: PLR2004
        for index, name in enumerate(list(CATALOGUE)[:METRICS])
    }


def main() -> int:
    """Measure, print, and compare with the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--paint", action="store_true", help="time the first contentful paint too")
    paint = parser.parse_args().paint
    matrix: dict[str, object] = {
        "go": ["go1.23.9", "go1.24.3"],
        "env": {"LEVEL": [str(index) for index in range(VARIANTS // 2)]},
        "workloads": [{"name": f"w{index}", "package": "./w"} for index in range(WORKLOADS)],
        "trials": ROUNDS,
    }
    run = make_run(measure, matrix, experiments=EXPERIMENTS)
    started = time.perf_counter()
    verdict = conclude(run)
    print(f"trials   {len(run.trials)}, comparisons {len(verdict.comparisons)}")
    print(f"conclude {time.perf_counter() - started:.2f} s (analysis, no part of the limits)")
    started = time.perf_counter()
    html = render_html(run, verdict)
    found = {
        "render": time.perf_counter() - started,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0,
        "size": float(len(html.encode())),
    }
    if paint:
        found["paint"] = first_paint(html)
    for name, value in found.items():
        print(f"{name:8} {shown(name, value)}, limit {shown(name, LIMITS[name])}")
    return int(any(value > LIMITS[name] for name, value in found.items()))


def shown(name: str, value: float) -> str:
    """A figure with its unit."""
    return f"{value / 1e6:.1f} MB" if name in {"memory", "size"} else f"{value:.2f} s"


def first_paint(html: str) -> float:
    """Seconds to the first contentful paint, median of five fresh pages."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - a development dependency

    seconds = []
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        path = Path(directory) / "report.html"
        path.write_text(html, encoding="utf-8")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox"]
        )
        for _ in range(5):
            page = browser.new_page()
            page.goto(path.as_uri())
            paint: float = page.evaluate(
                "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            )
            seconds.append(paint / 1000)
            page.close()
        browser.close()
    return statistics.median(seconds)


if __name__ == "__main__":
    sys.exit(main())
