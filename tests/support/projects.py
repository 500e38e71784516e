"""Small real projects that tests run the harness on, as a user would: by command."""

import json
import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

FIXTURES = Path(__file__).parents[2] / "go_fixtures"

MATRIX = """\
go: [go1.23.9, go1.24.3]
experiments: [[], [noswissmap]]
question: {baseline: go1.23.9, candidate: go1.24.3}
workloads:
  - {name: large-buffers, package: ./go_fixtures/largebuffers, args: ["-retain-mib=16"]}
  - {name: live-map, package: ./go_fixtures/livemap, args: ["-entries=1000"]}
trials: 2
"""
_PLUGINS = ("xdist", "gomatrix", "rerunfailures")
"""By their entry points, as pytest finds them by itself."""


@dataclass(frozen=True)
class Project:
    """A directory with a matrix file, and the commands of the harness in it."""

    root: Path

    def write(self, matrix: str) -> None:
        (self.root / "matrix.yaml").write_text(matrix, encoding="utf-8")

    def gomatrix(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self._run(str(Path(sys.executable).with_name("gomatrix")), *arguments)

    def pytest(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run pytest with few plugins: Hypothesis alone costs each process 0.7 s of CPU time."""
        chosen = (word for name in _PLUGINS for word in ("-p", name))
        return self._run(
            sys.executable, "-m", "pytest", *chosen, *arguments,
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
        )  # fmt: skip

    def shell(self, line: str) -> subprocess.CompletedProcess[str]:
        """A command line as a reader would type it, with the harness's own commands on PATH."""
        programs = Path(sys.executable).parent
        path = f"PATH={programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        return self._run("env", path, "bash", "-c", line)

    def _run(self, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
        outer = ("PYTEST_", "COV_")
        inherited = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
        environment = inherited | variables
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, check=False
        )

    @property
    def latest(self) -> Path:
        return (self.root / "reports" / "latest").resolve()

    def trials(self, directories: str) -> list[tuple[str, str, int]]:
        """Which trials these run directories hold: one that is stored twice, twice."""
        found = []
        for path in (self.root / "reports").glob(f"{directories}/trials.jsonl"):
            for line in path.read_bytes().splitlines():
                with suppress(ValueError):  # it was cut short
                    trial = json.loads(line)
                    found.append((trial["workload"], trial["variant"], trial["round"]))
        return found

    def recorded(self, directories: str) -> int:
        """How many trials the run directories of a pattern below ``reports/`` hold."""
        found = (self.root / "reports").glob(f"{directories}/trials.jsonl")
        return sum(path.read_bytes().count(b"\n") for path in found)
