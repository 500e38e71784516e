"""A run on real hosts of a rack, beside the same run on this machine's lanes."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import (
    VARIANTS,
    directory_of,
    require_answer,
    require_nothing_left,
    require_whole,
    write_buffers,
)
from projects import Project
from rack import Machine, Rack, ready_rack
from waiting import wait_until

from harness.run.store import Run

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]


@pytest.fixture(scope="module")
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with ready_rack(tmp_path_factory.mktemp("rack")) as made:
        yield made


def answers(run: Path) -> Any:
    """What a verdict decides, without figures."""
    verdict = json.loads((run / "verdict.json").read_text())
    return [
        sorted((c["candidate"], c["metric"], c["decision"]) for c in verdict["comparisons"]
               if c["metric"] == "rss.peak"),
        sorted((s["candidate"], *s["toggles"], s["verdict"]) for s in verdict["suspects"]),
    ]  # fmt: skip


def test_hosts_without_go_give_the_verdicts_of_a_local_run(rack: Rack, project: Project) -> None:
    write_buffers(project, 6, 500)  # long against what one host may come later than another
    local = project.gomatrix("run", "--seed", "1")
    assert local.returncode == 0, local.stdout + local.stderr
    expected = answers(project.latest)

    rack.start()
    wait_until(lambda: all("serving" in machine.said for machine in rack.machines))
    dealt = rack.gomatrix(project, "run", "--seed", "1", *rack.options)
    assert dealt.returncode == 0, dealt.stdout + dealt.stderr
    assert answers(project.latest) == expected

    run = Run.load(project.latest)
    names = {host.id: host.name for host in run.manifest.hosts}
    assert set(names.values()) <= {machine.name for machine in rack.machines}
    assert len(names) > 1
    hosts = defaultdict(set)
    for trial in run.trials:
        hosts[trial.round].add(names[trial.host])
    assert len(hosts) == 6
    assert all(len(of_round) == 1 for of_round in hosts.values())
    assert len(run.trials) == 6 * 3
    used = [m for m in rack.machines if m.name in set.union(*hosts.values())]
    binaries = {build.binary for build in run.manifest.builds}
    assert all(len(m.shipped) == len(binaries) + 1 for m in used)  # and the supervisor
    assert not any((m.root / "cache" / kind).exists() for m in used
                   for kind in ("toolchains", "go-build"))  # fmt: skip

    before = [m.shipped for m in used]
    project.write((project.root / "matrix.yaml").read_text().replace("trials: 6", "trials: 2"))
    again = rack.gomatrix(project, "run", *rack.options, "--exclude", "nowhere")
    assert again.returncode == 0, again.stdout + again.stderr
    assert "--exclude nowhere: no host of that name came" in again.stdout
    assert [m.shipped for m in used] == before


def test_a_run_survives_its_worker_its_driver_and_its_scheduler(
    rack: Rack, project: Project
) -> None:
    rounds = 30
    write_buffers(project, rounds, 100)
    with rack.started(project, "run", *rack.options) as driver:
        wait_until(lambda: project.recorded("2*") > 4, process=driver)
        busy: list[Machine] = []

        def one_measures() -> bool:  # none does for a moment, where all have just ended a trial
            busy[:] = [m for m in rack.machines if m.trials()][:1]
            return bool(busy)

        wait_until(one_measures, process=driver)
        busy[0].worker().kill()
        gone, output = f"{busy[0].name}: it has gone", project.root / "output.txt"
        wait_until(
            lambda: project.recorded("2*") > 12 and gone in output.read_text(), process=driver
        )
        driver.kill()
    directory = directory_of(project)
    assert directory is not None

    again = ["run", "--resume", str(directory)]
    before = project.recorded("2*")
    with rack.started(project, *again, *rack.options) as driver:
        wait_until(lambda: project.recorded("2*") > before + 6, process=driver)
        rack.kill_scheduler()
        assert driver.wait(60) > 1
    said = (project.root / "output.txt").read_text()
    assert "Traceback" not in said
    assert said.count("the scheduler tls://10.77.0.1:8786 does not answer any more") == 1

    here = project.gomatrix(*again)
    assert here.returncode == 0, here.stdout + here.stderr
    require_whole(directory, rounds)
    require_answer(directory)
    require_nothing_left(rack)


def test_what_waits_at_hosts_is_dropped_once_the_workload_is_decided(
    rack: Rack, project: Project
) -> None:
    """Three hosts measure three rounds, and each has another by the end of its own."""
    rack.start()
    write_buffers(project, "{min: 3, max: 60}", 2000)
    matrix = project.root / "matrix.yaml"  # about what is the same in all trials: three decide
    project.write(matrix.read_text().replace("[rss.peak]", "[binary.size]"))
    done = rack.gomatrix(project, "run", *rack.options)
    assert done.returncode == 0, done.stdout + done.stderr
    whole = Counter(trial.round for trial in Run.load(project.latest).trials)
    assert 3 <= sum(count == VARIANTS for count in whole.values()) < 6
