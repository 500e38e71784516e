"""What the probe adds to a program's memory: nothing that a verdict could depend on."""

import base64
from pathlib import Path

import pytest
from projects import FIXTURES, Project
from trials import trial_request

from harness.analysis.conclusion import conclude
from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.tools import Tool, build_tool
from harness.golang.cache import default_cache
from harness.golang.probe.overlay import ProbeMode
from harness.golang.sources.locate import locate
from harness.golang.toolchains.resolve import resolve
from harness.matrix.models import BuildSpec, ToolchainSpec, WorkloadSpec
from harness.profiles.pprof import parse_profile
from harness.run.store import Run
from harness.trial.trial import TrialResult, run_trial

pytestmark = pytest.mark.toolchain
ROOT = Path(__file__).parents[2]
OLD, NEW, NEWEST = "go1.21.13", "go1.24.3", "go1.27.3"
"""Before the runtime kept more than 32 frames of a stack, and after; the newest."""
KINDS = ("recursion", "decoder", "closures", "goroutines")
MATRIX = """\
go: [go1.22.10, go1.23.9]
probe: PROBE
question: {baseline: go1.22.10, candidate: go1.23.9, metrics: [rss.peak], margin: 5%}
workloads:
""" + "".join(
    f"  - {{name: {kind}, package: ./go_fixtures/deep, args: [-kind={kind}]}}\n" for kind in KINDS
)
"""From one to the other, a profiler that keeps whole stacks added 15 to 25 % to these programs."""


def decisions(root: Path, probe: ProbeMode) -> dict[str, str]:
    """What is decided on each workload with the probe in one of its modes."""
    root.mkdir()
    (root / "go_fixtures").symlink_to(FIXTURES)
    project = Project(root)
    rounds = 8  # of four, a single one that is astray leaves the comparison open
    project.write(MATRIX.replace("PROBE", probe) + f"trials: {rounds}\n")
    done = project.gomatrix("run")
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = conclude(Run.load(project.latest))
    return {c.workload: c.decision for c in verdict.comparisons if c.primary}


@pytest.mark.soak
def test_the_verdict_does_not_depend_on_the_probe(tmp_path: Path) -> None:
    off = decisions(tmp_path / "off", "off")
    assert off == dict.fromkeys(KINDS, "equivalent")
    assert decisions(tmp_path / "metrics", "metrics") == off
    assert decisions(tmp_path / "full", "full") == off


def run(
    directory: Path, fixture: str, version: str, *args: str, probe: ProbeMode = "full",
    ldflags: str = "",
) -> TrialResult:  # fmt: skip
    """One trial of a fixture."""
    cache = default_cache()
    toolchain = resolve([ToolchainSpec(go=version)], cache, print)[version]
    workload = WorkloadSpec(name=fixture, package=f"./go_fixtures/{fixture}")
    request = BuildRequest(
        source=locate(workload, ROOT, toolchain, cache), toolchain=toolchain, settings=(),
        build=BuildSpec(ldflags=ldflags), probe=probe,
    )  # fmt: skip
    (record,) = build_all([request], cache, print)
    assert record.error is None, record.error
    supervisor = build_tool(Tool(ROOT / "harness" / "trial" / "supervisor", toolchain), cache)
    directory.mkdir(exist_ok=True)
    profile = directory / "heap.pb.gz" if probe == "full" else None
    result = run_trial(
        trial_request(supervisor, Path(record.binary), *args, directory=directory, profile=profile)
    )
    assert result.outcome == "ok", result.log
    return result


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_profiler_stays_small_however_many_stacks_there_are(
    tmp_path: Path, version: str
) -> None:
    metrics = run(tmp_path, "deep", version, "-count=20000").metrics
    assert 600 << 10 < (metrics["probe.memory"] or 0) <= 1 << 20
    assert (metrics["runtime.buckets"] or 0) < 4096  # what the linker's masks are booked under
    profile = parse_profile((tmp_path / "heap.pb.gz").read_bytes())
    allocated = profile.by_stack("alloc_space")
    assert sum(allocated.values()) == pytest.approx(20_000 * (512 << 10), rel=0.05)
    named = sum(size for stack, size in allocated.items() if "main.allocate" in stack)
    assert named > 0.99 * sum(allocated.values())


def test_stacks_beyond_the_budget_are_left_out_and_not_their_bytes(tmp_path: Path) -> None:
    """Sizes beyond number: a bucket is of one stack and one size."""
    result = run(tmp_path, "deep", NEW, "-count=20000", "-sizes=999")
    assert 900 << 10 < (result.metrics["probe.memory"] or 0) <= 1 << 20
    assert result.notes["profile"].endswith(
        "without stacks, of which there are more than the probe keeps"
    )
    profile = parse_profile((tmp_path / "heap.pb.gz").read_bytes())
    allocated = profile.by_stack("alloc_space")
    assert set(map(len, allocated)) > {0, 8, 32}
    expected = sum((512 << 10) + (i % 999 << 13) for i in range(20_000))
    assert sum(allocated.values()) == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("ldflags", ["", "-s -w"])
def test_a_program_that_profiles_itself_has_whole_stacks(tmp_path: Path, ldflags: str) -> None:
    result = run(tmp_path, "ownprofile", NEW, ldflags=ldflags)
    stacks = parse_profile(base64.b64decode(result.log)).by_stack()
    assert max(stack.count("main.deep") for stack in stacks) == 61
    assert result.metrics["probe.memory"] == 0


@pytest.mark.parametrize("version", [OLD, NEW, NEWEST])
def test_sampled_objects_lie_where_their_allocations_are_resident(
    tmp_path: Path, version: str
) -> None:
    run(tmp_path, "selfreport", version, "-mib=64")  # which it writes to
    profile = parse_profile((tmp_path / "heap.pb.gz").read_bytes())
    (held, resident, zero) = (
        sum(size for stack, size in profile.by_stack(kind).items() if stack[-1] == "main.main")
        for kind in ("inuse_space", "resident_space", "zero_space")
    )
    assert held > 32 << 20  # of 64 MiB, by some 120 samples
    # the profile's own columns are as of the last collection, and one sample is 0.8 % of them
    assert 0.97 * held <= resident <= 1.03 * held
    assert zero < 0.01 * held


def test_stacks_of_other_profiles_are_the_programs_own(tmp_path: Path) -> None:
    with_profiler, without = (
        run(tmp_path / mode, "deep", NEW, "-kind=blocking", "-count=3000", probe=mode).metrics
        for mode in ("full", "metrics")
    )
    assert (without["runtime.buckets"] or 0) > 3 << 20
    assert with_profiler["runtime.buckets"] == pytest.approx(without["runtime.buckets"], rel=0.02)
