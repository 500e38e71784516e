import pytest

from harness.init.budget import Scale, runnable, scale_of
from harness.init.programs import Program, Server
from harness.init.survey import Benchmarks, Survey
from harness.init.text import matrix_text, remarks
from harness.init.versions import Versions

VERSIONS = Versions(baseline="go1.24.3", candidate="go1.27.3")


def program(name: str, build: float | None, trial: float | None) -> Program:
    return Program(name=name, directory=f"./{name}", build=build, trial=trial)


def survey(*programs: Program) -> Survey:
    return Survey(programs=programs, benchmarks=())


def test_a_project_that_builds_in_a_minute_is_asked_everything_within_15_minutes() -> None:
    scale = scale_of(survey(program("a", 60.0, 1.0)), lanes=2)
    assert scale.auto
    assert not scale.long
    assert scale.told == ""


@pytest.mark.parametrize(
    ("build", "trial", "auto", "active", "rounds", "long"),
    [
        (5.0, 1.0, True, 4, 10, False),
        (20.0, 2.0, False, 4, 10, False),
        (100.0, 5.0, False, 4, 10, False),
        (200.0, 20.0, False, 2, 10, False),
        (60.0, 100.0, False, 1, 5, False),
        (400.0, 200.0, False, 1, 5, True),
        (10.0, None, False, 1, 10, False),
    ],
)
def test_less_is_measured_where_it_takes_longer(
    build: float,
    trial: float | None,
    *,
    auto: bool,
    active: int,
    rounds: int,
    long: bool,
) -> None:
    found = survey(*(program(name, build, trial) for name in "abcdef"))

    scale = scale_of(found, lanes=2)

    measured = 4 - len(scale.without)
    assert (scale.auto, measured, scale.rounds, scale.long) == (auto, active, rounds, long)
    assert bool(scale.told) is (long or not auto or active < 4)
    text = matrix_text(found, VERSIONS, scale)
    assert ("\n  suspects: auto" in text) is auto
    assert f"max: {rounds}" in text
    assert text.count("\n  - name: ") == active
    assert any("min on this machine" in line for line in remarks(found, VERSIONS, scale))


def test_what_was_not_tried_is_not_judged() -> None:
    scale = scale_of(survey(program("a", None, None)), lanes=2)
    assert scale.seconds is None
    assert "min on this machine" not in matrix_text(survey(program("a", None, None)), VERSIONS)


def test_half_of_the_places_are_for_benchmarks() -> None:
    programs = tuple(program(name, 1.0, 1.0) for name in "abcd")
    benchmarks = tuple(
        Benchmarks(directory=f"./{n}", name=n, functions=("BenchmarkX",), plain=()) for n in "xyz"
    )
    found = Survey(programs=programs, benchmarks=benchmarks)
    assert [w.name for w in runnable(found, Scale())] == ["a", "b", "x", "y"]
    assert [w.name for w in runnable(found, Scale(without=frozenset("ax")))] == ["b", "y"]


def test_each_entry_that_is_left_as_a_comment_says_why() -> None:
    doubtful = program("f", 1.0, 1.0).model_copy(update={"reason": "it reads its input"})
    text = matrix_text(survey(*(program(n, 1.0, 1.0) for n in "abcde"), doubtful), VERSIONS)
    assert "\n  # - name: e\n  #   # it runs; left out to begin with fewer\n" in text
    assert "\n  # - name: f\n  #   package: ./f\n  #   # it reads its input\n" in text
    assert text.count("# it runs; left out") == 1


def test_what_takes_longest_is_left_out_first() -> None:
    found = survey(program("slow", 1.0, 90.0), program("fast", 1.0, 1.0))

    scale = scale_of(found, lanes=2)

    assert scale.without == frozenset({"slow"})
    assert scale.told == (
        "without slow and suspects, to keep it below 15 min: a build of slow took 1 s and a trial "
        "took 90.0 s"
    )
    text = matrix_text(found, VERSIONS, scale)
    assert "\n  - name: fast\n" in text
    assert "\n  # - name: slow\n  #   # it runs; left out to keep the run short\n" in text


def test_a_fixed_port_takes_all_lanes() -> None:
    server = Server(fixed_port="8080")
    free = survey(program("a", 1.0, 8.0))
    fixed = survey(program("a", 1.0, 8.0).model_copy(update={"server": server}))

    assert (scale_of(free, lanes=2).auto, scale_of(fixed, lanes=2).auto) == (True, False)
