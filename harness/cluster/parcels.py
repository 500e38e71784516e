"""What travels to a host: a job whose paths are digests, and the files that these name.

A host fetches a file once, by its sha256, and never a path of the driver's machine.
"""

import hashlib
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from harness.errors import HarnessError, reading
from harness.matrix.models import WorkloadSpec
from harness.matrix.paths import beside
from harness.models import Frozen
from harness.session.job import Job

DIGEST = re.compile(r"[0-9a-f]{64}")
_STDIN, _FILES, _PACKAGE = "stdin", "files", "package"
"""What a parcel of inputs holds: standard input, ``files:``, a benchmark's package."""
_MOST_FILES, _MOST_BYTES = 20_000, 2 << 30
"""The inputs of a workload."""


class Parcel(Frozen):
    """A job without any path of this machine."""

    job: Job
    """``binary``, ``supervisor`` and ``load_generator`` are digests of files."""
    inputs: str
    """The digest of an archive of what the program finds; empty where it finds nothing."""

    @property
    def digests(self) -> list[str]:
        """All files that its host needs."""
        job = self.job
        if job.build.error is not None:
            return []
        named = [job.build.binary, job.supervisor, job.load_generator, self.inputs]
        return [digest for digest in named if digest]


class Packer:
    """Makes parcels, and knows where their files are on this machine."""

    def __init__(self, directory: Path) -> None:
        """Archives of inputs are made in a directory."""
        self.files: dict[str, Path] = {}
        """Each file by its sha256."""
        self._directory = directory
        self._inputs: dict[tuple[str, str], str] = {}

    def pack(self, job: Job) -> Parcel:
        """Replace the paths of a job by digests.

        Raises:
            HarnessError: it needs a file that cannot be read, or that cannot travel.
        """
        build, workload = job.build, job.workload
        if build.error is not None:
            return Parcel(job=job, inputs="")
        _refuse_here(job)
        key = (workload.name, build.directory if workload.benchmark else "")
        if key not in self._inputs:
            self._inputs[key] = self._archive(job)
        moved = {"binary": self._digest(Path(build.binary)), "directory": ""}
        served = workload.server is not None and job.load_generator
        packed = job.model_copy(
            update={
                "build": build.model_copy(update=moved),
                "workload": _renamed(workload, Path(job.here)),
                "supervisor": self._digest(Path(job.supervisor)),
                "load_generator": self._digest(Path(job.load_generator)) if served else "",
                "here": "",
            }
        )
        return Parcel(job=packed, inputs=self._inputs[key])

    def _digest(self, path: Path) -> str:
        found = _sha256(path)
        self.files[found] = path
        return found

    def _archive(self, job: Job) -> str:
        entries = list(_inputs(job))
        if not entries:
            return ""
        path = self._directory / f"inputs-{len(self._inputs)}.tar"
        with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
            size = count = 0
            for name, source in entries:
                for inner, file in _tree(name, source):
                    size, count = size + file.lstat().st_size, count + 1
                    if size > _MOST_BYTES or count > _MOST_FILES:
                        raise HarnessError(
                            f"{source} of {job.workload.name} is too large to send to hosts: they "
                            f"get {_MOST_FILES:,} files of {_MOST_BYTES >> 30} GiB at most"
                        )
                    with reading(file):
                        _add(archive, file, inner)
        return self._digest(path)


def unpack(archive: Path, directory: Path) -> None:
    """Extract inputs; nothing of an archive leads out of the directory."""
    with tarfile.open(archive) as opened:
        opened.extractall(directory, filter="data")


def localised(parcel: Parcel, find: Callable[[str], Path]) -> Job:
    """The job on this host; ``find`` gives the file or, of inputs, the directory of a digest.

    Raises:
        HarnessError: the parcel names a file by something other than a digest.
    """
    job = parcel.job
    if job.build.error is not None:
        return job
    if not all(DIGEST.fullmatch(digest) for digest in parcel.digests):
        raise HarnessError("a parcel names a file by something other than its sha256")
    here = find(parcel.inputs) if parcel.inputs else Path()
    own = {"binary": str(find(job.build.binary)), "directory": str(here / _PACKAGE)}
    return job.model_copy(
        update={
            "build": job.build.model_copy(update=own),
            "supervisor": str(find(job.supervisor)),
            "load_generator": str(find(job.load_generator)) if job.load_generator else "",
            "here": str(here),
        }
    )


def _renamed(workload: WorkloadSpec, here: Path) -> WorkloadSpec:
    """The workload, with its inputs where an archive has them."""
    names = [f"{_FILES}/{n}/{beside(here, said).name}" for n, said in enumerate(workload.files)]
    given = workload.stdin
    if given is not None and given.file is not None and "{" not in given.file:
        given = given.model_copy(update={"file": _STDIN})
    return workload.model_copy(update={"files": names, "stdin": given})


def _inputs(job: Job) -> Iterator[tuple[str, Path]]:
    """Names in the archive, and the files and directories that they are."""
    workload, here = job.workload, Path(job.here)
    if workload.benchmark is not None:
        yield _PACKAGE, Path(job.build.directory)
    for name, said in zip(_renamed(workload, here).files, workload.files, strict=True):
        yield name, beside(here, said)
    given = workload.stdin
    if given is not None and given.file is not None and "{" not in given.file:
        yield _STDIN, beside(here, given.file)


def _tree(name: str, source: Path) -> Iterator[tuple[str, Path]]:
    """A file, or all that is in a directory; of a benchmark's package, its own and its data."""
    yield name, source
    if not source.is_dir() or source.is_symlink():
        return
    for path in sorted(source.iterdir()):
        other = name == _PACKAGE and path.is_dir() and path.name != "testdata"
        if not other:
            yield from _tree(f"{name}/{path.name}", path)


def _add(archive: tarfile.TarFile, file: Path, name: str) -> None:
    """Add an entry without owner; nothing but files, directories and links travels.

    Raises:
        HarnessError: it is a link to what no host has.
    """
    entry: tarfile.TarInfo | None = archive.gettarinfo(file, name)
    if entry is None:  # a socket
        return
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    if entry.issym() and _leads_out(name, entry.linkname):
        raise HarnessError(
            f"{file} is a symbolic link to {entry.linkname}, which hosts of a cluster do not have; "
            "put a copy in its place"
        )
    if entry.islnk():  # another name of a file that is in the archive: it travels as a copy
        entry.type, entry.linkname, entry.size = tarfile.REGTYPE, "", file.stat().st_size
    if entry.isfile():
        with file.open("rb") as data:
            archive.addfile(entry, data)
    elif entry.isdir() or entry.issym():
        archive.addfile(entry)


def _leads_out(name: str, target: str) -> bool:
    found = os.path.normpath(os.path.join(os.path.dirname(name), target))  # noqa: PTH118, PTH120 - of names in an archive
    return os.path.isabs(target) or found.split("/")[0] == ".."  # noqa: PTH117 - as above


def _refuse_here(job: Job) -> None:
    """Refuse what names the matrix file's directory, which no host has."""
    workload = job.workload
    server = workload.server
    load = server.load.command if server is not None else []
    given = workload.stdin
    texts = [*workload.args, *workload.setup, *load, *workload.env.values(), *job.env.values()]
    texts += [given.text or "", given.file or ""] if given is not None else []
    relative = bool(load) and "/" in load[0] and not load[0].startswith("/")
    if relative or any("{here}" in text for text in texts):
        what = load[0] if relative else "{here}"
        raise HarnessError(
            f"workload {workload.name!r} uses {what}, and the directory of the matrix file is not "
            "on the hosts of a cluster; name what it needs in files:, which travel with it"
        )


@cache
def _sha256(path: Path) -> str:
    """The digest of a file, which does not change during a run."""
    with reading(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
