import pytest
from screened import Bench, drive

from harness.analysis.screening.search import screen
from harness.bisect.toggles import most_rounds

TOGGLES = tuple("abcdefghijk")


@pytest.mark.parametrize(
    ("seconds", "lanes", "most"),
    [(0.5, 2, 80), (2.0, 2, 60), (10.0, 2, 44), (10.0, 8, 56), (1e4, 1, 40), (None, 2, 40)],
)  # fmt: skip
def test_quick_programs_are_measured_more_often(
    seconds: float | None, lanes: int, most: int
) -> None:
    assert most_rounds(seconds, lanes) == most


def test_with_usual_noise_toggles_are_ruled_out_in_the_rounds_of_quick_programs() -> None:
    """A change of 5 % that none of them makes, with 1 % noise."""
    done = 0
    for seed in range(10):
        bench = Bench(lambda _: 0.0, change=0.05, noise=0.01, seed=[seed, 1])
        outcome = drive(screen(TOGGLES, limit=0.2, most=most_rounds(0.5, 2)), bench.answer)
        done += len(outcome.ruled_out) == len(TOGGLES)
    assert done >= 8
