"""Twenty faults in a run of two hundred trials."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

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

pytestmark = [pytest.mark.toolchain, pytest.mark.soak]

ROUNDS = 67
FAULTS = (
    "worker", "stop", "link", "nanny", "driver", "stop", "worker", "disk", "nanny", "link",
    "stop", "worker", "driver", "link", "nanny", "worker", "disk", "driver", "worker", "nanny",
)  # fmt: skip
"""One after every eight trials. A worker that was stopped goes on with results of rounds that
others have measured since. Those that take long to mend come early, so that none is left over."""


@pytest.fixture
def rack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rack]:
    with ready_rack(tmp_path_factory.mktemp("rack")) as made:
        yield made


class Breaker:
    """Breaks hosts, and mends each when its time has come."""

    def __init__(self, rack: Rack) -> None:
        self._rack = rack
        self._mends: dict[str, tuple[float, Callable[[], None]]] = {}
        self._turn = 0

    def mend(self, *, now: bool = False) -> None:
        """Mend what is due, and restart workers that have ended."""
        for name, (due, repair) in list(self._mends.items()):
            if now or time.monotonic() >= due:
                repair()
                del self._mends[name]
        self._rack.start()

    def victim(self) -> Machine | None:
        """The next host that is well and measures; one stays well always."""
        if len(self._mends) > 1:
            return None
        machines = self._rack.machines[self._turn :] + self._rack.machines[: self._turn]
        well = [m for m in machines if m.name not in self._mends and m.trials()]
        if not well:
            return None
        self._turn = (self._rack.machines.index(well[0]) + 1) % len(machines)
        return well[0]

    def strike(self, fault: str, machine: Machine) -> None:
        if fault == "worker":
            machine.worker().kill()
            self._later(machine, 3, lambda: None)
        elif fault == "nanny" and machine.nanny is not None:
            machine.nanny.kill()
            self._later(machine, 3, lambda: None)
        elif fault == "link":
            machine.link(self._rack.switch, up=False)
            self._later(machine, 20, lambda: machine.link(self._rack.switch, up=True))
        elif fault == "stop":
            stopped = machine.worker().pid
            os.kill(stopped, signal.SIGSTOP)
            self._later(machine, 35, lambda: os.kill(stopped, signal.SIGCONT))
        elif fault == "disk":
            machine.fill()
            self._later(machine, 10, machine.make_room)

    def _later(self, machine: Machine, seconds: float, repair: Callable[[], None]) -> None:
        self._mends[machine.name] = (time.monotonic() + seconds, repair)


def test_twenty_faults_cost_no_trial_and_add_none(rack: Rack, project: Project) -> None:
    write_buffers(project, ROUNDS, 800)
    breaker, faults, log = Breaker(rack), list(FAULTS), project.root / "faults.txt"
    with ExitStack() as stack:
        driver = stack.enter_context(rack.started(project, "run", *rack.options))
        while driver.poll() is None:
            breaker.mend()
            time.sleep(0.1)
            if not faults or project.recorded("2*") < 8 * (len(FAULTS) - len(faults) + 1):
                continue
            if faults[0] == "driver":
                driver.kill()
                driver.wait()
                directory = directory_of(project)
                again = ["run", "--resume", str(directory), *rack.options]
                driver = stack.enter_context(rack.started(project, *again))
                what = "driver"
            elif (machine := breaker.victim()) is not None:
                breaker.strike(faults[0], machine)
                what = f"{faults[0]} of {machine.name}"
            else:
                continue
            faults.pop(0)
            note(log, f"{what} after {project.recorded('2*')} trials")
        status = driver.poll()
        breaker.mend(now=True)
    said = (project.root / "output.txt").read_text()
    assert status == 0, said
    assert "Traceback" not in said
    assert not faults, f"the run was over before {faults}"
    directory = directory_of(project)
    assert directory is not None
    run = require_whole(directory, ROUNDS)
    assert len(run.trials) >= ROUNDS * VARIANTS
    require_answer(directory)
    require_nothing_left(rack)


def note(log: Path, line: str) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{time.strftime('%H:%M:%S')} {line}\n")
