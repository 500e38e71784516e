from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.explain.subject import Asked, _draft, _ends
from harness.init.programs import Program
from harness.init.survey import Benchmarks, Survey

USAGE = "it only tells how to use it (usage: goawk [file ...]); give it arguments"


def test_a_program_that_does_no_work_is_refused_with_the_reason_alone() -> None:
    goawk = Program(name="goawk", directory=".", reason=USAGE, needs_arguments=True)
    with pytest.raises(HarnessError) as caught:
        _draft(Survey(programs=(goawk,), benchmarks=()), (), "goawk@v1.29.1")
    assert str(caught.value) == f"goawk@v1.29.1: {USAGE}; a program's arguments stand after --"


def test_a_short_program_is_measured_where_it_is_the_only_one() -> None:
    short = Program(name="short", directory="./short", reason="it ended at once", idle=True)
    draft = _draft(Survey(programs=(short,), benchmarks=()), (), "short")
    assert [workload["name"] for workload in draft["workloads"]] == ["short"]
    with pytest.raises(HarnessError, match="it ended at once"):
        _draft(Survey(programs=(short, short), benchmarks=()), (), "both")


def test_several_are_refused_with_their_places() -> None:
    programs = (
        Program(name="one", directory="./one", needs_arguments=True),
        Program(name="two", directory="./two", endless=True),
    )
    with pytest.raises(HarnessError, match=r"^m: \./one: .* arguments; \./two: .* no server; a"):
        _draft(Survey(programs=programs, benchmarks=()), (), "m")


def test_benchmarks_that_cannot_be_run_are_refused_with_the_reason() -> None:
    made = {"directory": "./codec", "name": "codec", "functions": ("BenchmarkX",), "plain": ()}
    benchmarks = Benchmarks.model_validate(made | {"doubt": "they do not build: undefined: x"})
    with pytest.raises(HarnessError, match=r"^m: they do not build: undefined: x$"):
        _draft(Survey(programs=(), benchmarks=(benchmarks,)), (), "m")


def test_with_arguments_a_program_is_measured_as_it_is() -> None:
    goawk = Program(name="goawk", directory=".", reason=USAGE, args=("BEGIN {}",))
    draft = _draft(Survey(programs=(goawk,), benchmarks=()), ("BEGIN {}",), "goawk@v1.29.1")
    assert draft["workloads"][0]["args"] == ["BEGIN {}"]


@pytest.mark.parametrize(
    ("older", "newer", "turned"),
    [
        ("go1.24.0", "go1.23.9", True),
        ("go1.24.3+noswissmap", "go1.23.9 GOGC=50", True),
        ("go1.24rc1", "go1.24.0", False),
        ("go1.24.3", "go1.24.3+noswissmap", False),
        ("stable", "go1.23.9", False),
    ],
)
def test_the_older_release_is_the_version_before(
    older: str, newer: str, *, turned: bool, tmp_path: Path
) -> None:
    said: list[str] = []
    ends = _ends(Asked(older=older, newer=newer), None, tmp_path, said.append)
    assert ends == ((newer, older) if turned else (older, newer))
    assert bool(said) == turned
