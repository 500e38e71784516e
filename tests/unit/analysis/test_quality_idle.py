"""A program that did next to nothing is told before anything else."""

import pytest
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.analysis.models import Caution


def warnings(wall: float, allocated: float, *, other: float | None = None) -> list[Caution]:
    """One workload under two toolchains; ``other``: seconds of the candidate."""

    def measure(_workload: str, variant: str, _round: int) -> dict[str, float | None]:
        seconds = wall if other is None or variant == "go1.23.9" else other
        return {"rss.peak": 2e6, "wall": seconds, "allocs.bytes": allocated}

    matrix = {
        **ORIGIN, "go": ["go1.23.9", "go1.24.3"], "experiments": [[]], "trials": 2,
        "question": {"baseline": "go1.23.9", "candidate": "go1.24.3"},
    }  # fmt: skip
    return list(conclude(make_run(measure, matrix)).warnings)


def test_an_empty_main_is_warned_about_before_anything_else() -> None:
    found = warnings(0.002, 3e5)
    assert {w.kind for w in found} > {"did nothing"}, "two rounds are few, which is another one"
    assert found[0].kind == "did nothing"
    assert found[0].workload == "large-buffers"
    assert "the program ended within 2.00 ms and allocated 293 KiB" in found[0].message


def test_one_side_that_did_nothing_is_named() -> None:
    assert "the program of go1.24.3 ended" in warnings(2.0, 3e5, other=0.002)[0].message


@pytest.mark.parametrize(("wall", "allocated"), [(0.002, 5e6), (2.0, 3e5)])
def test_a_program_with_work_is_not(wall: float, allocated: float) -> None:
    assert "did nothing" not in {w.kind for w in warnings(wall, allocated)}
