"""A classify for tests: real builds, one real trial each, and the middle value as the border."""

import tempfile
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from trials import trial_request

from harness.bisect.points import Finding, Point
from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.probe.overlay import ProbeMode
from harness.golang.sources.locate import Source
from harness.golang.toolchains.resolve import Toolchain
from harness.matrix.models import BuildSpec
from harness.trial.trial import run_trial


@dataclass
class TrialClassifier:
    """Judges points by one trial each."""

    source: Source
    ends: tuple[Toolchain, Toolchain]
    cache: Path
    settings: tuple[str, ...] = ()
    build: BuildSpec = field(default_factory=BuildSpec)
    args: tuple[str, ...] = ()
    probe: ProbeMode = "off"
    metric: str = "rss.peak"
    asked: list[str] = field(default_factory=list)
    border: float = 0.0
    good_is_less: bool = True

    def __post_init__(self) -> None:
        good, bad = (self._value(end) for end in self.ends)
        assert isinstance(good, float), good
        assert isinstance(bad, float), bad
        assert abs(good / bad - 1) > 0.05, (good, bad)
        self.border = (good + bad) / 2
        self.good_is_less = good < bad
        self.good = good

    def __call__(self, point: Point) -> Finding:
        assert point.name not in self.asked
        self.asked.append(point.name)
        value = self._value(point.toolchain)
        if isinstance(value, str):
            return Finding(point=point.name, state="unresolved", reason=value)
        is_good = (value < self.border) == self.good_is_less
        return Finding(
            point=point.name,
            state="good" if is_good else "bad",
            ratio=value / self.good,
            rounds=1,
        )

    def _value(self, toolchain: Toolchain) -> float | str:
        """The metric; or why there is none."""
        request = BuildRequest(
            source=self.source,
            toolchain=toolchain,
            settings=self.settings,
            build=self.build,
            probe=self.probe,
        )
        record = build_all([request], self.cache, lambda _: None)[0]
        if record.error is not None:
            return record.error
        main = Path(str(files("harness.trial"))) / "supervisor"
        with tempfile.TemporaryDirectory() as scratch:
            result = run_trial(
                trial_request(
                    build_tool(Tool(main, self.ends[0]), self.cache),
                    Path(record.binary),
                    *self.args,
                    directory=Path(scratch),
                    probe=self.probe,
                )
            )
        value = result.metrics.get(self.metric)
        if result.outcome != "ok" or value is None:
            return f"{result.outcome}: {result.log}"
        return float(value)
