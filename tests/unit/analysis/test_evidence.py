"""What is read of heap profiles: one that holds nothing is one too."""

from pathlib import Path

from profiles import field, profile, varint
from synthetic import make_run

from harness.analysis.evidence import read_evidence
from harness.profiles.encode import KINDS, RESIDENCY, Frame, encode
from harness.report.charts.heap import heap_difference
from harness.run.contents import Reading
from harness.run.store import Run

MIB = 1 << 20
MATRIX: dict[str, object] = {
    "go": ["go1.24.3", "go1.24.11"],
    "question": {"baseline": "go1.24.3", "candidate": "go1.24.11"},
    "workloads": [{"name": "w", "package": "./w"}],
    "trials": 2,
}
FILL = field(1, varint(2) + varint(1))


def stored(path: Path, heaps: dict[tuple[str, int], bytes | None]) -> Run:
    """A run whose trials have these profiles, by variant and round."""
    run = make_run(lambda _w, _v, _r: {"rss.peak": 1e8}, MATRIX, path=path)
    trials = []
    for t in run.trials:
        data = heaps.get((t.variant, t.round))
        name = f"{t.variant}-{t.round}.pb.gz"
        if data is not None:
            (path / name).write_bytes(data)
        trials.append(t.model_copy(update={"profile": None if data is None else name}))
    return Run(path, run.manifest, tuple(trials))


def test_an_empty_heap_profile_is_a_profile(tmp_path: Path) -> None:
    heaps: dict[tuple[str, int], bytes | None] = {
        ("go1.24.3", 1): profile([]),
        ("go1.24.3", 2): profile([(FILL, 0)]),
        ("go1.24.11", 1): profile([(FILL, 8 * MIB)]),
        ("go1.24.11", 2): profile([]),
    }
    run = stored(tmp_path, heaps)
    assert read_evidence(run).functions == {
        ("w", "go1.24.3"): {"main.fill": 0.0},
        ("w", "go1.24.11"): {"main.fill": 4.0 * MIB},  # the mean over both
    }
    figure = heap_difference(run, "w", "go1.24.3", "go1.24.11", "heap", Reading(run))
    assert figure is not None
    assert figure.title == "Live heap by stack: w"
    assert ("main.fill", "0 B", "4.00 MiB", "4.00 MiB") in figure.table


def test_no_profile_is_not_an_empty_one(tmp_path: Path) -> None:
    heaps = {
        ("go1.24.11", 1): profile([(FILL, 8 * MIB)]),
        ("go1.24.11", 2): None,
        ("go1.24.3", 1): b"not a profile",
    }
    run = stored(tmp_path, heaps)
    assert read_evidence(run).functions == {("w", "go1.24.11"): {"main.fill": 8.0 * MIB}}
    assert heap_difference(run, "w", "go1.24.3", "go1.24.11", "heap", Reading(run)) is None


def test_the_table_of_the_heap_names_sites_and_what_was_never_written(tmp_path: Path) -> None:
    frames = (Frame(11, "main.fill", "f.go"), Frame(12, "bytes.growSlice", "b.go"))
    kinds = KINDS | RESIDENCY

    def heap(zero: int) -> bytes:
        values = (1, 9 * MIB, 1, 8 * MIB, 7 * MIB, zero)
        return encode([((2, 1), values)], frames, 1, kinds)

    heaps: dict[tuple[str, int], bytes | None] = {
        (v, r): heap(MIB * (v == "go1.24.11") * r)
        for v in ("go1.24.3", "go1.24.11")
        for r in (1, 2)
    }
    run = stored(tmp_path, heaps)
    figure = heap_difference(run, "w", "go1.24.3", "go1.24.11", "heap", Reading(run))
    assert figure is not None
    assert figure.table == (
        ("Allocated by", "Baseline", "Candidate", "Difference", "Resident, baseline",
         "Resident, candidate", "Never written, baseline", "Never written, candidate"),
        ("main.fill, in bytes.growSlice", "8.00 MiB", "8.00 MiB", "0 B", "7.00 MiB", "7.00 MiB",
         "0 B", "1.50 MiB"),
    )  # fmt: skip
