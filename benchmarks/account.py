"""Whether the account of resident memory adds up, and what a look at the pages costs.

Run as ``python benchmarks/account.py [look|WORKLOAD …]``; without a word, all of it: the fixtures
and five real programs, on five versions of Go. Prints a line a trial, with what is not named at its
end and at a snapshot in mid-run, and ends with status 1 where what the account cannot name at the
end is more than 1 % of the resident set and more than 512 KiB, or where a look at a heap of 1 GiB
takes longer than 0.6 s.
"""

import os
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import default_cache
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import resolve
from harness.matrix.models import BuildSpec, ToolchainSpec, WorkloadSpec
from harness.metrics.account import PARTS
from harness.trial.observe import procfs
from harness.trial.process import Answer, Job, Pages, PagesRequest, Started, Supervised
from harness.trial.request import TrialRequest
from harness.trial.trial import TrialResult, run_trial

ROOT = Path(__file__).parents[1]
VERSIONS = ("go1.21.13", "go1.23.9", "go1.24.3", "go1.26.6", "go1.27.3")
SHARE, LEAST = 0.01, 512 << 10
"""What the account may leave without a name: a part of the resident set, or bytes."""
LOOK = 0.6
"""Seconds for a heap of 1 GiB."""
MIB = 1 << 20
_MARK = "100ms"
"""When a snapshot in mid-run is taken, of programs that run so long."""


@dataclass(frozen=True)
class Program:
    """A workload without a server, and what it is given on the command line."""

    name: str
    args: tuple[str, ...] = ()
    module: str | None = None
    """A published one; without it, a fixture."""

    @property
    def workload(self) -> WorkloadSpec:
        """As a matrix would have it."""
        where = (
            {"module": self.module} if self.module else {"package": f"./go_fixtures/{self.name}"}
        )
        own = {"name": self.name, "args": list(self.args), "snapshots": [_MARK]}
        return WorkloadSpec.model_validate(own | where)


AWK = """
BEGIN { for (i = 0; i < 300000; i++) a[i] = i "text"; for (k in a) n += length(a[k]); print n }
"""
PROGRAMS = (
    Program("largebuffers", ("-retain-mib=256",)),
    Program("livemap"),
    Program("syncmap"),
    Program("contended"),
    Program("jsondecode"),
    Program("churn"),
    Program("leak"),
    Program("stacks"),
    Program("mapped"),
    Program("fragments"),
    Program("peak"),
    Program("hugepages"),
    Program("short"),
    Program("family"),
    Program("goawk", (AWK,), "github.com/benhoyt/goawk@v1.29.1"),
    Program("gojq", ("-n", "[range(300000)] | map(tostring) | length"),
            "github.com/itchyny/gojq/cmd/gojq@v0.12.14"),
    Program("esbuild", ("--minify", "{here}/input.js"),
            "github.com/evanw/esbuild/cmd/esbuild@v0.25.5"),
    Program("gocloc", ("{here}",), "github.com/hhatto/gocloc/cmd/gocloc@v0.5.2"),
    Program("shfmt", ("{here}/input.sh",), "mvdan.cc/sh/v3/cmd/shfmt@v3.7.0"),
)  # fmt: skip


def trials(
    programs: Sequence[Program], versions: Sequence[str]
) -> Iterator[tuple[str, str, TrialResult]]:
    """One trial of each program with each version."""
    cache = default_cache()
    toolchains = resolve([ToolchainSpec(go=v) for v in versions], cache, lambda _: None)
    newest = list(toolchains.values())[-1]
    supervisor = build_tool(Tool(ROOT / "harness" / "trial" / "supervisor", newest), cache)
    with tempfile.TemporaryDirectory() as scratch:
        here = Path(scratch) / "here"
        here.mkdir()
        lines = (
            f"export function f{n}(a, b) {{ return [a + b, {{ key{n}: a }}]; }}"
            for n in range(40_000)
        )
        (here / "input.js").write_text("\n".join(lines))
        (here / "input.sh").write_text("if a; then\nb | c; fi\n" * 20_000)
        for program in programs:
            source = locate(program.workload, ROOT, newest, cache)
            for version in versions:
                request = BuildRequest(
                    source=source, toolchain=toolchains[version], settings=(), build=BuildSpec()
                )
                (record,) = build_all([request], cache, lambda _: None)
                if record.error:
                    print(f"{program.name} {version}: {record.error[:300]}")
                    continue
                directory = Path(tempfile.mkdtemp(dir=scratch))
                yield program.name, version, run_trial(
                    TrialRequest(
                        supervisor=supervisor, workload=program.workload, build=record, here=here,
                        directory=directory, profile=directory.with_suffix(".pb.gz"),
                    )
                )  # fmt: skip


def check(name: str, version: str, result: TrialResult) -> bool:
    """Print a line for a trial; whether its account names enough."""
    parts, resident = result.account, result.metrics.get("rss.end")
    if not parts or resident is None:
        print(f"{name:13} {version:10} no account: {result.outcome} {result.log[-200:]}")
        return False
    left = parts.get("remainder", 0)
    good = sum(parts.values()) == resident and abs(left) <= max(SHARE * resident, LEAST)
    largest = sorted((p for p in parts if p != "remainder"), key=lambda p: -parts[p])[:5]
    words = ", ".join(f"{PARTS[p]} {parts[p] / MIB:.1f}" for p in largest)
    mid = "".join(
        f" ({of.get('remainder', 0) / 1024:.0f} at {mark}{', ran on' if ran_on else ''})"
        for mark, of in result.accounts.items()
        for ran_on in [f"heap.zero at {mark}" in result.notes]
    )
    zeros, untouched = result.metrics.get("heap.zero"), result.metrics.get("heap.untouched") or 0
    print(
        f"{name:13} {version:10} {resident / MIB:8.1f} MiB, not named {left / 1024:6.0f} KiB{mid}, "
        f"zero {'?' if zeros is None else f'{zeros / MIB:.1f}':>5}, untouched "
        f"{untouched / MIB:6.1f}: {words}{'' if good else '  TOO MUCH'}"
    )
    return good


HOLDER = """
import os, sys, time
held = bytearray(%s * 1024)
print("ready", flush=True)
time.sleep(600)
"""


def look() -> bool:
    """Time a look at 1 GiB of another program's pages with content, and at 1 GiB of zeros."""
    cache = default_cache()
    (toolchain,) = resolve([ToolchainSpec(go=VERSIONS[-1])], cache, lambda _: None).values()
    supervisor = build_tool(Tool(ROOT / "harness" / "trial" / "supervisor", toolchain), cache)
    contents = {"content": "os.urandom(1 << 20)", "zeros": "bytes(1 << 20)"}
    times = {what: time_of_look(supervisor, HOLDER % made) for what, made in contents.items()}
    for what, seconds in times.items():
        speed = (1 << 30) / seconds / 1e9
        print(f"a look at 1 GiB of {what} takes {seconds:.3f} s ({speed:.1f} GB/s)")
    return max(times.values()) <= LOOK


def time_of_look(supervisor: Path, program: str) -> float:
    """Seconds that a look at a Python program's largest mapping takes, the median of five."""
    answers: list[Answer] = []
    reader, writer = os.pipe()
    job = Job(
        path=Path(sys.executable), args=("python", "-c", program), env=(), directory=ROOT,
        output=writer,
    )  # fmt: skip
    with (
        Supervised(supervisor, job, answers.append, output=writer) as supervised,
        os.fdopen(reader) as said,
    ):
        supervised.read()
        said.readline()
        (started,) = (a for a in answers if isinstance(a, Started))
        mappings = procfs.parse_smaps(procfs.read(started.pid, "smaps"))
        ranges = tuple((m.start, m.end) for m in mappings if m.size >= 1 << 30)
        times = []
        for _ in range(5):
            begin = time.monotonic()
            supervised.ask_pages(PagesRequest(pid=started.pid, ranges=ranges, most=4 << 30))
            supervised.read()
            times.append(time.monotonic() - begin)
        found = answers[-1]
        if not isinstance(found, Pages) or found.resident < 1 << 30:
            raise SystemExit(f"the pages were not read: {found}")
        return statistics.median(times)


def main() -> int:
    """Check the programs that are named on the command line, or all."""
    if sys.argv[1:] == ["look"]:
        return 0 if look() else 1
    wanted = [re.compile(word) for word in sys.argv[1:]]
    chosen = [p for p in PROGRAMS if not wanted or any(w.fullmatch(p.name) for w in wanted)]
    good = [check(*found) for found in trials(chosen, VERSIONS)]
    return 0 if all([*good, wanted or look()]) else 1


if __name__ == "__main__":
    sys.exit(main())
