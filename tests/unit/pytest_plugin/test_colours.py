"""The table at the end of a run is coloured where the terminal has colours, and wants them."""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from _pytest.terminal import TerminalReporter
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import Verdict
from harness.pytest_plugin.collection import Collection
from harness.pytest_plugin.controller import Controller

SIZES = {"go1.23.9": 1.0e8, "go1.24.3": 1.5e8, "go1.24.11": 0.5e8}
GREEN, RED, PLAIN = "\x1b[32m", "\x1b[31m", "\x1b[0m"


@dataclass
class Judged:
    """An invocation that is over."""

    verdict: Verdict
    directory: Path = Path("run")

    def finish(self) -> None:
        """Write nothing."""


@pytest.mark.parametrize("wanted", [True, False])
def test_worse_is_red_and_better_green(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch, *, wanted: bool
) -> None:
    run = make_run(lambda _w, v, n: {"rss.peak": SIZES[v] + n}, {**ORIGIN, "experiments": [[]]})
    monkeypatch.setattr(pytestconfig.option, "color", "auto")
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.delenv("PY_COLORS", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    if not wanted:
        monkeypatch.setenv("NO_COLOR", "1")
    file = io.StringIO()
    controller = Controller(pytestconfig, Collection(), [], None)
    controller.runs[Path("matrix.yaml")] = cast("Any", Judged(conclude(run)))
    controller.pytest_terminal_summary(TerminalReporter(pytestconfig, file))
    lines = [line for line in file.getvalue().splitlines() if "large-buffers  go1." in line]
    baseline, worse, better = lines
    assert "\x1b" not in baseline
    if wanted:
        assert worse.startswith(RED)
        assert better.startswith(GREEN)
        assert worse.endswith(PLAIN)
    else:
        assert "\x1b" not in file.getvalue()
