from dataclasses import replace
from pathlib import Path

import pytest
from synthetic import HOST, ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.errors import HarnessError
from harness.run.merge import merge
from harness.run.store import Run

OTHER = HOST.model_copy(update={"id": "host-2", "name": "other"})


def measured(_workload: str, variant: str, number: int) -> dict[str, float | None]:
    return {"rss.peak": 1e8 + number * 1e5 + (6e7 if variant.startswith("go1.24.3") else 0)}


def on(host: object, path: str, **changes: object) -> Run:
    run = make_run(measured, ORIGIN | changes, path=Path(path))
    manifest = run.manifest.model_copy(update={"host": host})
    trials = tuple(t.model_copy(update={"host": manifest.host.id}) for t in run.trials)
    return replace(run, manifest=manifest, trials=trials)


def test_whole_runs_of_two_hosts_are_blocks_of_one(tmp_path: Path) -> None:
    merged = merge([on(HOST, "one"), on(OTHER, "two")], tmp_path / "merged")
    assert {h.id for h in merged.manifest.hosts} == {"host-1", "host-2"}
    rounds = {(t.host, t.round) for t in merged.trials}
    assert rounds == {("host-1", n) for n in range(1, 7)} | {("host-2", n) for n in range(7, 13)}
    assert len({t.id for t in merged.trials}) == len(merged.trials)
    primary = [c for c in conclude(merged).comparisons if c.primary]
    assert [(c.n, c.decision) for c in primary] == [(12, "increase")]


def test_files_of_trials_come_along(tmp_path: Path) -> None:
    run = on(HOST, str(tmp_path / "one"))
    (tmp_path / "one" / "series").mkdir(parents=True)
    (tmp_path / "one" / "series" / "x.json").write_text("{}")
    first = run.trials[0].model_copy(update={"series": "series/x.json"})
    merged = merge([replace(run, trials=(first, *run.trials[1:]))], tmp_path / "merged")
    path = merged.trials[0].series
    assert path == f"series/large-buffers/{first.variant}-r01.json"
    assert (merged.path / path).read_text() == "{}"


def test_runs_of_different_matrices_are_refused_by_field(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match=r"merged.*matrix\.trials\.min was 6 and is 7"):
        merge([on(HOST, "one"), on(OTHER, "two", trials=7)], tmp_path / "merged")


def test_no_trial_counts_twice(tmp_path: Path) -> None:
    one, two = on(HOST, "one"), on(OTHER, "two")
    again = merge([one], tmp_path / "again")
    for runs in ([one, one], [one, two, one], [again, two, one]):
        with pytest.raises(HarnessError, match=r"hold the same trial.*name each run once"):
            merge(runs, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    with pytest.raises(HarnessError, match="exists already"):
        merge([on(HOST, "one")], tmp_path)
