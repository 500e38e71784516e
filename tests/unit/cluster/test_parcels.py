"""What travels to a host: files by their digests, and no path of the driver's machine."""

import hashlib
import io
import tarfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from synthetic import ORIGIN, make_run

from harness.cluster.parcels import Packer, Parcel, localised, unpack
from harness.cluster.worker import DIRECTORY, lacking, receive
from harness.errors import HarnessError
from harness.golang.records import BuildRecord
from harness.matrix.models import WorkloadSpec
from harness.session.job import Job


def job(here: Path, **workload: Any) -> Job:
    """A job of a workload beside ``here``, whose programs are files there."""
    for name in ("binary", "supervisor"):
        (here / name).write_bytes(b"\x7fELF" + name.encode())
    spec = {"name": "w", "package": "./w"} | workload
    if "benchmark" in workload:
        del spec["package"]
    run = make_run(lambda *_: {}, ORIGIN | {"trials": 1})
    build = BuildRecord(
        workload="w", toolchain="go1.24.3", settings=(), key="k", binary=str(here / "binary"),
        sha256="0", size=10, command="go build", directory=str(here), seconds=1.0, cached=False,
    )  # fmt: skip
    return Job(
        trial=run.trials[0].model_copy(update={"workload": "w"}), build=build, probe="full",
        workload=WorkloadSpec.model_validate(spec), limits=run.manifest.matrix.trials, env={},
        supervisor=str(here / "supervisor"), load_generator="", here=str(here),
    )  # fmt: skip


def sent(packer: Packer, parcel: Parcel, host: Path) -> Job:
    """The job as a host finds it, that has what was sent in a directory."""

    def find(digest: str) -> Path:
        data = packer.files[digest].read_bytes()
        assert hashlib.sha256(data).hexdigest() == digest
        file = host / digest
        file.write_bytes(data)
        if data.startswith(b"\x7fELF"):
            return file
        unpack(file, host / "inputs")
        return host / "inputs"

    text = parcel.model_dump_json()
    return localised(Parcel.model_validate_json(text), find)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A matrix file's directory with inputs."""
    place = tmp_path / "here"
    (place / "data" / "deep").mkdir(parents=True)
    (place / "data" / "deep" / "a.txt").write_text("a")
    (place / "data" / "link").symlink_to("deep/a.txt")
    (place / "words.txt").write_text("words")
    (tmp_path / "host").mkdir()
    return place


def test_a_program_finds_its_inputs_on_a_host(here: Path, tmp_path: Path) -> None:
    packer = Packer(tmp_path)
    parcel = packer.pack(job(here, files=["data", "words.txt"], stdin={"file": "words.txt"}))
    assert str(tmp_path) not in parcel.model_dump_json()

    found = sent(packer, parcel, tmp_path / "host")

    places = [Path(found.here, name) for name in found.workload.files]
    assert [place.name for place in places] == ["data", "words.txt"]
    assert (places[0] / "link").read_text() == "a"
    assert found.workload.stdin is not None
    assert Path(found.here, str(found.workload.stdin.file)).read_text() == "words"
    assert Path(found.build.binary).read_bytes() == b"\x7fELFbinary"
    assert Path(found.supervisor).read_bytes() == b"\x7fELFsupervisor"


def test_a_file_of_two_names_travels_as_two(here: Path, tmp_path: Path) -> None:
    (here / "data" / "other.txt").hardlink_to(here / "data" / "deep" / "a.txt")
    packer = Packer(tmp_path)

    found = sent(packer, packer.pack(job(here, files=["data"])), tmp_path / "host")

    (data,) = (Path(found.here, name) for name in found.workload.files)
    assert [(data / name).read_text() for name in ("other.txt", "deep/a.txt")] == ["a", "a"]


@pytest.mark.parametrize("target", ["/etc/hosts", "../../../../hosts", "deep/../../../../../x"])
def test_a_link_to_what_no_host_has_is_refused(here: Path, tmp_path: Path, target: str) -> None:
    (here / "data" / "out").symlink_to(target)

    with pytest.raises(HarnessError, match="which hosts of a cluster do not have; put a copy"):
        Packer(tmp_path).pack(job(here, files=["data"]))


def test_a_benchmark_finds_its_package_and_its_data_alone(here: Path, tmp_path: Path) -> None:
    (here / "testdata").mkdir()
    (here / "testdata" / "in.json").write_text("{}")
    packer = Packer(tmp_path)
    found = sent(packer, packer.pack(job(here, benchmark={"package": "./w"})), tmp_path / "host")
    package = Path(found.build.directory)
    assert sorted(path.name for path in package.iterdir()) == [
        "binary", "supervisor", "testdata", "words.txt",
    ]  # fmt: skip
    assert (package / "testdata" / "in.json").exists()


def test_a_program_without_inputs_needs_no_archive(here: Path, tmp_path: Path) -> None:
    parcel = Packer(tmp_path).pack(job(here))
    assert parcel.inputs == ""
    assert len(parcel.digests) == 2


def test_a_build_that_failed_needs_nothing(here: Path, tmp_path: Path) -> None:
    made = job(here)
    failed = made.model_copy(
        update={"build": made.build.model_copy(update={"binary": "", "error": "no"})}
    )
    assert Packer(tmp_path).pack(failed).digests == []


@pytest.mark.parametrize(
    "workload",
    [
        {"args": ["-in={here}/a"]},
        {"env": {"IN": "{here}"}},
        {"setup": ["cp", "{here}/a", "."]},
        {"stdin": "{here}"},
        {"server": {"ready": {"log": "up"}, "load": {"command": ["./load.sh"]}}},
    ],
)
def test_what_no_host_has_is_refused(
    here: Path, tmp_path: Path, workload: dict[str, object]
) -> None:
    with pytest.raises(HarnessError, match=r"'w' uses .* is not on the hosts"):
        Packer(tmp_path).pack(job(here, **workload))


@pytest.mark.parametrize("name", ["/etc/passwd", "../../binary", "A" * 64, ""])
def test_a_host_opens_nothing_that_a_parcel_names_otherwise(
    here: Path, tmp_path: Path, name: str
) -> None:
    parcel = Packer(tmp_path).pack(job(here))
    hostile = parcel.model_copy(update={"job": parcel.job.model_copy(update={"supervisor": name})})

    def find(digest: str) -> Path:
        assert len(digest) == 64
        return tmp_path / digest

    if name:
        with pytest.raises(HarnessError, match="by something other than its sha256"):
            localised(hostile, find)


@pytest.mark.parametrize("entry", ["../out", "{tmp}/out", "link/out"])
def test_nothing_of_an_archive_leads_out(tmp_path: Path, entry: str) -> None:
    archive, inside = tmp_path / "a.tar", tmp_path / "inside"
    with tarfile.open(archive, "w") as made:
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path)
        if entry.startswith("link"):
            made.addfile(link)
        file = tarfile.TarInfo(entry.format(tmp=tmp_path))
        file.size = 1
        made.addfile(file, io.BytesIO(b"x"))
    inside.mkdir()
    with suppress(tarfile.FilterError):  # an absolute name is taken for one inside
        unpack(archive, inside)
    assert not (tmp_path / "out").exists()


def test_a_host_keeps_what_it_was_told_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOMATRIX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(DIRECTORY, str(tmp_path))
    data = b"0123456789"
    digest, sender = hashlib.sha256(data).hexdigest(), "0" * 64
    assert lacking([digest]) == [digest]

    receive(sender, digest, 0, len(data), b"01234")
    receive(sender, digest, 0, len(data), b"01234")  # begun anew
    with pytest.raises(HarnessError, match="a part of it was lost"):
        receive(sender, digest, 7, len(data), b"789")
    receive(sender, digest, 5, len(data), b"56789")
    assert lacking([digest]) == []

    other = hashlib.sha256(b"other").hexdigest()
    with pytest.raises(HarnessError, match="it was changed on the way"):
        receive(sender, other, 0, 5, b"OTHER")
    assert lacking([other]) == [other]
    with pytest.raises(HarnessError, match="other than its sha256"):
        receive(sender, "../../x", 0, 1, b"x")
    assert not list(tmp_path.glob("*.part"))
