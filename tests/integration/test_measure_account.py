"""Pages as the supervisor sees them, and accounts of real programs."""

import os
import signal
import sys
from pathlib import Path

import pytest
from golang_support import NEW, get
from trials import trial_request
from waiting import wait_until

from harness.golang.builds.build import build_all
from harness.golang.builds.request import BuildRequest
from harness.golang.cache import default_cache
from harness.golang.sources.locate import locate
from harness.matrix.models import BuildSpec, WorkloadSpec
from harness.profiles.pages import Pages as States
from harness.profiles.pprof import parse_heap
from harness.profiles.sites import by_site
from harness.trial.process import Answer, Job, Pages, PagesRequest, Started, Supervised
from harness.trial.trial import TrialResult, run_trial

pytestmark = pytest.mark.toolchain

ROOT = Path(__file__).parents[2]
MIB = 1 << 20

HOLDER = """
import ctypes, mmap, signal
signal.signal(signal.SIGUSR1, lambda *_: None)
memory = mmap.mmap(-1, 7 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
memory.madvise(mmap.MADV_NOHUGEPAGE)
for place in range(0, 1 << 20, 4096):
    memory[place] = 1
    memory[place + (1 << 20)] = 0
    memory[place + (2 << 20)]  # only read
    for late in (4, 6):  # after zeros, and after pages with content
        memory[place + (late << 20) + 4095] = 1
print(ctypes.addressof(ctypes.c_char.from_buffer(memory)), flush=True)
signal.pause()
while True:
    pass
"""


def test_the_supervisor_tells_pages_apart(supervisor: Path, tmp_path: Path) -> None:
    answers: list[Answer] = []
    reader, writer = os.pipe()
    job = Job(
        path=Path(sys.executable), args=("python", "-c", HOLDER), env=(), directory=tmp_path,
        output=writer,
    )  # fmt: skip
    states = tmp_path / "states"
    with (
        os.fdopen(writer, "w"),
        Supervised(supervisor, job, answers.append, output=writer) as supervised,
        os.fdopen(reader) as said,
    ):
        supervised.read()
        start = int(said.readline())
        (started,) = (answer for answer in answers if isinstance(answer, Started))

        def look(most: int, ranges: tuple[tuple[int, int], ...], *, at_rest: bool = False) -> Pages:
            request = PagesRequest(
                pid=started.pid, ranges=ranges, most=most, at_rest=at_rest, path=str(states)
            )
            supervised.ask_pages(request)
            supervised.read()
            found = answers[-1]
            assert isinstance(found, Pages)
            return found

        whole = ((start, start + 7 * MIB),)
        assert look(16 * MIB, whole) == look(16 * MIB, whole)
        found = look(16 * MIB, whole)
        assert (found.error, found.divided) == ("", False)
        assert (found.resident, found.zero, found.shared) == (4 * MIB, MIB, MIB)
        pages = States.parse(states.read_bytes())
        kinds = [pages.resident(start + number * MIB, MIB) for number in range(7)]
        assert kinds == [(MIB, 0), (MIB, MIB), (0, 0), (0, 0), (MIB, 0), (0, 0), (MIB, 0)]
        assert look(3 * MIB, whole).error.startswith("more is resident")
        wait_until(lambda: look(16 * MIB, whole, at_rest=True) == found)  # once it sleeps
        supervised.signal(signal.SIGUSR1)  # from now on it does not rest
        ran_on = "the program ran on meanwhile"
        assert any(look(16 * MIB, whole, at_rest=True).error == ran_on for _ in range(1000))
        assert {look(16 * MIB, whole, at_rest=True).error for _ in range(20)} == {ran_on}
        assert look(16 * MIB, whole) == found
        supervised.kill()
        while not supervised.closed:
            supervised.read()


def measured(supervisor: Path, directory: Path, name: str, version: str, *args: str) -> TrialResult:
    cache, toolchain = default_cache(), get(version, default_cache())
    source = locate(
        WorkloadSpec(name=name, package=f"./go_fixtures/{name}"), ROOT, get(NEW, cache), cache
    )
    request = BuildRequest(source=source, toolchain=toolchain, settings=(), build=BuildSpec())
    (record,) = build_all([request], cache, print)
    directory.mkdir()
    profile = directory.parent / f"{directory.name}.pb.gz"
    return run_trial(
        trial_request(supervisor, Path(record.binary), *args, directory=directory, profile=profile)
    )


@pytest.mark.parametrize(
    ("name", "version", "largest"),
    [
        ("stacks", "go1.21.13", "stacks"),
        ("mapped", "go1.27.3", "other"),
        ("livemap", "go1.24.3", "live"),
    ],
)
def test_an_account_names_every_byte(
    supervisor: Path, tmp_path: Path, name: str, version: str, largest: str
) -> None:
    result = measured(supervisor, tmp_path / "trial", name, version)
    parts, resident = result.account, result.metrics["rss.end"]
    assert resident is not None
    assert sum(parts.values()) == resident
    assert abs(parts.get("remainder", 0)) <= max(0.01 * resident, 512 << 10)
    assert max(parts, key=lambda part: parts[part]) == largest
    assert parts[largest] > resident / 2


def test_what_was_never_written_is_found(supervisor: Path, tmp_path: Path) -> None:
    zero, untouched, site = {}, {}, {}
    for version in ("go1.23.9", "go1.24.3", "go1.27.3"):
        result = measured(
            supervisor, tmp_path / version, "largebuffers", version, "-retain-mib=256"
        )
        zero[version] = result.metrics["heap.zero"] or 0.0
        untouched[version] = result.metrics["heap.untouched"] or 0.0
        sizes = by_site(parse_heap((tmp_path / f"{version}.pb.gz").read_bytes(), "zero_space"))
        site[version] = sum(size for name, size in sizes.items() if name.startswith("main.fill"))
    assert abs(zero["go1.24.3"] - 97 * MIB) < 3 * MIB
    # The profiler samples 86 % of buffers of 1 MiB, which makes a standard error of 2.5 %.
    assert abs(site["go1.24.3"] - 97 * MIB) < 15 * MIB
    assert untouched["go1.24.3"] < 4 * MIB
    for version in ("go1.23.9", "go1.27.3"):
        assert zero[version] < 4 * MIB
        assert site[version] < 4 * MIB
        assert abs(untouched[version] - 97 * MIB) < 3 * MIB
