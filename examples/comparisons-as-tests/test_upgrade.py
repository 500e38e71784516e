"""What an upgrade of Go may do to this program; run by ``pytest --matrix matrix.yaml``."""

from harness import MatrixRun

OLD, NEW = "go1.25.5", "go1.27.3"
QUARTER_MORE = 1.25


def test_decoding_allocates_at_most_a_tenth_more(matrix_run: MatrixRun) -> None:
    change = matrix_run.compare(NEW, OLD, workload="decode", metric="allocs.bytes")
    assert change.within(0.10)


def test_the_new_json_package_is_why_it_allocates_more(matrix_run: MatrixRun) -> None:
    with_it = matrix_run.compare(NEW, OLD, workload="decode", metric="allocs.bytes")
    without = matrix_run.compare(f"{NEW}+nojsonv2", OLD, workload="decode", metric="allocs.bytes")
    assert with_it.increased
    assert without.within(0.02)


def test_no_quarter_more_memory_is_resident(matrix_run: MatrixRun) -> None:
    change = matrix_run.compare(NEW, OLD, workload="decode", metric="rss.peak")
    assert change.ci is not None
    lower_end, _ = change.ci  # peaks differ much from run to run, and five rounds are few
    assert lower_end < QUARTER_MORE
