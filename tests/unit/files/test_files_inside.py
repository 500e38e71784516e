"""Paths of a run: whatever a stranger puts there, nothing outside is read or written."""

import os
import resource
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from synthetic import ORIGIN, make_run

from harness.cli import main
from harness.errors import HarnessError, MissingError
from harness.files.inside import (
    OutsideError,
    append_line,
    directory_inside,
    lines_inside,
    path_inside,
    read_inside,
    remove_inside,
    write_inside,
)
from harness.files.names import file_name
from harness.files.whole import whole_directory
from harness.run.store import MANIFEST, TRIALS, Run, append_trial, write_json

SECRET = b"secret of the system"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A run directory beside a secret, with every way out that there is."""
    root = tmp_path / "run"
    (root / "series").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(SECRET)
    (root / "link").symlink_to(tmp_path / "outside" / "secret")
    (root / "dirlink").symlink_to(tmp_path / "outside")
    (root / "series" / "up").symlink_to("../../outside")
    (root / "dangling").symlink_to(tmp_path / "outside" / "new")
    os.mkfifo(root / "pipe")
    (root / "null").symlink_to("/dev/null")
    (root / "file").write_bytes(b"own")
    return root


OUT = [
    "/etc/passwd", "../outside/secret", "series/../../outside/secret", "link", "dirlink/secret",
    "series/up/secret", "dangling", "pipe", "null", "", ".", "..", "series", "series/", "a\0b",
    "//etc/passwd", "./file", "\ud800",
]  # fmt: skip


@pytest.mark.parametrize("name", OUT)
def test_no_path_of_a_run_leads_out_of_it(root: Path, name: str) -> None:
    before = sorted(p.name for p in (root.parent / "outside").iterdir())
    for use in (
        lambda: read_inside(root, name, 99),
        lambda: list(lines_inside(root, name, 99, 99)),
        lambda: path_inside(root, name),
        lambda: append_line(root, name, "x"),
    ):
        with pytest.raises((OutsideError, HarnessError)):
            use()
    if name in {"dirlink/secret", "series/up/secret"} or ".." in name or "\0" in name:
        with pytest.raises(OutsideError):
            write_inside(root, name, "x")
    assert (root.parent / "outside" / "secret").read_bytes() == SECRET
    assert sorted(p.name for p in (root.parent / "outside").iterdir()) == before


@given(st.lists(st.sampled_from(["..", ".", "", "a", "link", "dirlink", "\0"]), min_size=1))
def test_names_made_at_random_stay_inside(parts: list[str]) -> None:
    name = "/".join(parts)
    with pytest.raises(HarnessError):
        read_inside(Path("/nonexistent"), name, 9)


def test_writing_takes_the_place_of_a_link_and_does_not_follow_it(root: Path) -> None:
    write_inside(root, "link", "new")
    write_inside(root, "pipe", "new")
    assert (root / "link").read_text() == "new"
    assert not (root / "link").is_symlink()
    assert (root.parent / "outside" / "secret").read_bytes() == SECRET
    with pytest.raises(OSError, match="directory"):
        write_inside(root, "series", "x")
    assert not [p for p in root.iterdir() if p.name.startswith(".")]


def test_nothing_is_added_through_a_hard_link(root: Path) -> None:
    os.link(root.parent / "outside" / "secret", root / "hard")
    with pytest.raises(OutsideError, match="hard link"):
        append_line(root, "hard", "x")
    assert (root.parent / "outside" / "secret").read_bytes() == SECRET


def test_temporary_directories_are_no_way_out(root: Path) -> None:
    (root / "tmp").symlink_to(root.parent / "outside")
    with pytest.raises(OutsideError, match="symbolic link"):
        directory_inside(root, "tmp")
    remove_inside(root, "tmp")
    assert (root.parent / "outside" / "secret").read_bytes() == SECRET
    assert directory_inside(root, "tmp").is_dir()


def test_what_is_read_has_a_limit(root: Path) -> None:
    assert read_inside(root, "file", 3) == b"own"
    with pytest.raises(HarnessError, match="larger than"):
        read_inside(root, "file", 2)
    with pytest.raises(HarnessError, match=r"file:1: is longer"):
        list(lines_inside(root, "file", 99, 2))
    with pytest.raises(MissingError):
        read_inside(root, "absent", 9)


@given(st.text(max_size=400), st.text(max_size=400))
def test_names_of_files_differ_and_fit_wherever_they_lie(one: str, other: str) -> None:
    names = [file_name(text, (one, other)) for text in (one, other)]
    for name in names:
        assert name not in {"", ".", ".."}
        assert name.isascii()
        assert "/" not in name
        assert len(f"20260101T000000Z-{name}-r1000000.pb.gz") <= 255
    assert (names[0].lower() == names[1].lower()) == (one == other)


def test_names_that_are_cut_or_alike_but_for_capitals_stay_apart() -> None:
    long = "x" * 280
    assert file_name(long + "1") != file_name(long + "2")
    pair = ("go1.24.3 A=b", "go1.24.3 A=B")
    assert len({file_name(name, pair).lower() for name in pair}) == 2
    assert file_name("go1.24.3~fix+noswissmap GOGC=50") == "go1.24.3~fix+noswissmap GOGC=50"
    assert file_name("..") == "%2E."
    assert file_name("") == "%"


def test_a_directory_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "new" / "deep" / "run"

    def interrupted(error: type[BaseException]) -> None:
        with whole_directory(target) as directory:
            (directory / "half").write_text("half")
            raise error

    for error in (KeyboardInterrupt, HarnessError, OSError):
        with pytest.raises(error):
            interrupted(error)
        assert list(tmp_path.iterdir()) == []
    with whole_directory(target) as directory:
        (directory / "whole").write_text("whole")
    assert [p.name for p in target.iterdir()] == ["whole"]
    with pytest.raises(HarnessError, match="exists already"), whole_directory(target):
        raise AssertionError
    (tmp_path / "dangling").symlink_to("nowhere")
    with pytest.raises(HarnessError, match="exists"), whole_directory(tmp_path / "dangling"):
        raise AssertionError


def stored(path: Path, **fields: str) -> Run:
    """A run of which the first trial's files are what a stranger says."""
    run = make_run(lambda *_: {"rss.peak": 1.0}, ORIGIN | {"trials": 1}, path=path)
    path.mkdir(exist_ok=True)
    write_json(path / MANIFEST, run.manifest)
    for trial in (run.trials[0].model_copy(update=fields), *run.trials[1:]):
        append_trial(path, trial)
    return run


@pytest.mark.parametrize("name", [n for n in OUT if n != "\ud800"])
def test_merge_follows_no_path_out_of_a_run(root: Path, name: str) -> None:
    stored(root, series=name, profile=name)
    target = root.parent / "merged"
    done = CliRunner().invoke(main, ["merge", str(root), "-o", str(target)])
    assert done.exit_code == 0, done.output
    found = [p for p in target.rglob("*") if p.is_file()]
    assert {p.parent for p in found} == {target}  # neither series nor profiles
    assert not any(SECRET in p.read_bytes() for p in found)
    assert sorted(p.name for p in root.parent.iterdir()) == ["merged", "outside", "run"]


def test_profile_opens_nothing_outside_of_the_run(root: Path) -> None:
    for name in ("link", "/etc/passwd", "../outside/secret", "pipe"):
        (root / TRIALS).unlink(missing_ok=True)
        run = stored(root, profile=name)
        trial = run.trials[0]
        with pytest.raises(HarnessError):
            Run.load(root).profiles(trial.workload, trial.variant)


@pytest.mark.parametrize("name", [MANIFEST, TRIALS, "profiles/large-buffers.pb.gz"])
def test_a_report_is_not_written_over_what_was_measured(root: Path, name: str) -> None:
    stored(root)
    before = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and not p.is_symlink()}
    done = CliRunner().invoke(main, ["report", str(root), "--format", "md", "-o", str(root / name)])
    assert done.exit_code == 2
    assert "holds what was measured; name another file" in done.output
    after = {p: p.read_bytes() for p in root.rglob("*") if p.is_file() and not p.is_symlink()}
    assert after == before


def test_merge_with_an_existing_target_leaves_nothing_behind(root: Path) -> None:
    stored(root)
    before = sorted(root.parent.iterdir())
    for target in (root, root.parent / "outside", root / "file"):
        done = CliRunner().invoke(main, ["merge", str(root), "-o", str(target)])
        assert done.exit_code == 2
        assert "exists already" in done.output
    (root / TRIALS).write_text("{}\n")
    done = CliRunner().invoke(main, ["merge", str(root), "-o", str(root.parent / "a" / "b")])
    assert done.exit_code == 2
    assert f"{TRIALS}:1" in done.output
    assert sorted(root.parent.iterdir()) == before


def test_a_report_written_into_its_run_follows_no_link(root: Path) -> None:
    stored(root)
    (root / "report.html").symlink_to(root.parent / "outside" / "secret")
    (root.parent / "latest").symlink_to("run")
    for run in (root, root.parent / "latest"):
        done = CliRunner().invoke(
            main, ["report", str(run), "--format", "md", "-o", str(run / "report.html")]
        )
        assert done.exit_code == 0, done.output
    for name, said in (("dirlink/x", "symbolic link"), ("series", "directory")):
        done = CliRunner().invoke(
            main, ["report", str(root), "--format", "md", "-o", str(root / name)]
        )
        assert done.exit_code == 2
        assert said in done.output
    assert (root.parent / "outside" / "secret").read_bytes() == SECRET
    assert [p.name for p in (root.parent / "outside").iterdir()] == ["secret"]
    assert (root / "report.html").read_text().startswith("## ")


def gomatrix_without_room(*arguments: object) -> Result:
    """A command whose files cannot grow beyond 1 KiB, as where a disk is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, before[1]))
    try:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_an_output_that_cannot_be_written_leaves_what_was_there(root: Path) -> None:
    stored(root)
    place = root.parent / "place"
    place.mkdir()
    (place / "old").write_text("earlier report")
    for name in ("old", "new"):
        done = gomatrix_without_room("report", root, "--format", "json", "-o", place / name)
        assert done.exit_code == 2
        assert f"{place / name} cannot be written: File too large; raise the limit" in done.output
    assert [(p.name, p.read_text()) for p in place.iterdir()] == [("old", "earlier report")]


def test_a_merge_that_cannot_be_written_names_the_place_that_was_asked_for(root: Path) -> None:
    stored(root)
    before = sorted(root.parent.iterdir())
    target = root.parent / "merged"
    done = gomatrix_without_room("merge", root, "-o", target)
    assert done.exit_code == 2
    assert done.output == (
        f"gomatrix: {target} cannot be written: File too large; raise the limit on the size of "
        "files (ulimit -f), or name another place\n"
    )
    assert sorted(root.parent.iterdir()) == before


def test_an_output_that_is_no_regular_file_is_written_in_place(root: Path) -> None:
    stored(root)
    link = root.parent / "link"
    link.symlink_to("target")
    for place in (link, Path("/dev/null")):
        done = CliRunner().invoke(main, ["report", str(root), "--format", "md", "-o", str(place)])
        assert done.exit_code == 0, done.output
    assert link.is_symlink()
    assert link.read_text().startswith("## ")
    assert not Path("/dev/null").is_file()
