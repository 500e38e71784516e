"""What a worker does: it tells what it is, takes files, and runs trials.

The driver names these functions in its tasks, and sends plain values: JSON texts, numbers, bytes.
"""

import hashlib
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator

import harness
from harness.cluster.parcels import DIGEST, Parcel, localised, unpack
from harness.errors import HarnessError, writing
from harness.files.inside import directory_inside
from harness.golang.cache import default_cache, obtain
from harness.models import Frozen
from harness.run.host import Host, describe_host
from harness.session.execute import TEMPORARY
from harness.session.job import observe
from harness.session.lanes import available_lanes
from harness.session.memory import memory_budget
from harness.text.visible import first_unseen

NAME, DIRECTORY = "GOMATRIX_WORKER_NAME", "GOMATRIX_WORKER_DIRECTORY"
"""Variables by which ``gomatrix worker`` tells its worker process the host's name, and where
trials run."""
_KIND = "shipped"
"""The kind of cache entries that came from a driver."""
_ROOM = 16 << 20
"""Bytes of free disk beside a program's binary: series, heap profile, output."""
_FILE, _TREE = "file", "tree"
LONGEST_NAME = 100


def is_name(text: str) -> bool:
    """Whether a host can have that name: all of it is seen, on one line."""
    return 0 < len(text) <= LONGEST_NAME and first_unseen(text) is None


class Introduction(Frozen):
    """What a worker says of itself."""

    host: Host
    cpus: Annotated[int, Field(ge=1, le=8192)]
    """CPUs that trials may use together, which its control groups may limit; no Linux has more."""
    harness: str
    """The harness's version."""

    @field_validator("host")
    @classmethod
    def _can_be_named(cls, host: Host) -> Host:
        if not (is_name(host.name) and is_name(host.id)):
            raise ValueError("its name or id cannot be that of a host")
        return host


def introduce() -> str:
    """Describe this host; an ``Introduction`` as JSON."""
    own = len(available_lanes(cpus=1))
    found = Introduction(host=_host(), cpus=own, harness=harness.__version__)
    return found.model_dump_json()


def lacking(digests: list[str]) -> list[str]:
    """Which files this host does not have."""
    kept = default_cache() / _KIND
    return [d for d in digests if not (DIGEST.fullmatch(d) and (kept / d / _FILE).exists())]


def receive(sender: str, digest: str, offset: int, size: int, chunk: bytes) -> None:
    """Take a part of a file; with the last one, verify it and keep it.

    Args:
        sender: tells drivers apart that send the same file at one time.
        digest: the file's sha256.
        offset: where the part belongs; parts come in order.
        size: bytes of the whole file.
        chunk: the part.

    Raises:
        HarnessError: it is another file than was named, or cannot be written.
    """
    if not (DIGEST.fullmatch(digest) and DIGEST.fullmatch(sender)):
        raise HarnessError("a file is named by something other than its sha256")
    partial = _own_directory() / f"{digest}-{sender}.part"
    with (
        writing(partial, "let another host measure"),
        partial.open("ab" if offset else "wb") as file,
    ):
        if file.tell() != offset:
            raise HarnessError(f"{digest}: a part of it was lost on the way")
        file.write(chunk)
    if offset + len(chunk) < size:
        return
    with partial.open("rb") as whole:
        found = hashlib.file_digest(whole, "sha256").hexdigest()
    if found != digest:
        partial.unlink()
        raise HarnessError(f"what came as {digest} is {found}; it was changed on the way")

    def fill(entry: Path) -> None:
        shutil.copyfile(partial, entry / _FILE)
        (entry / _FILE).chmod(0o755)

    obtain(default_cache(), _KIND, digest, fill)
    partial.unlink()


def execute(text: str) -> tuple[str, bytes | None, bytes | None]:
    """Run a trial, a ``Parcel`` as JSON.

    Returns:
        Its record as JSON, the file of its series, and that of its heap profile.

    Raises:
        HarnessError: this host cannot run it: its disk is full, or it lacks a file.
    """
    parcel = Parcel.model_validate_json(text)
    directory = _own_directory()
    with writing(directory, "let another host measure"):
        shared = directory_inside(directory, TEMPORARY)
        job = localised(parcel, _find)
        _require_room(directory, job.build.size)
        observed = observe(shared, job, _budget())
        if not observed.record.ok:
            _require_room(directory, 0)
    record = observed.record.model_copy(update={"host": _host().id})
    return record.model_dump_json(), observed.series, observed.profile


def _require_room(directory: Path, size: int) -> None:
    """Refuse to measure where a full disk would pass for a fault of the program.

    ``size`` is the bytes of its binary, of which each trial has a copy.
    """
    free = shutil.disk_usage(directory).free
    if free < size + _ROOM:
        raise HarnessError(
            f"{directory} has {free >> 20} MiB left, and a trial takes {(size + _ROOM) >> 20}; "
            "make room"
        )


@cache
def _host() -> Host:
    """This host, by the name that it was given: several may share a machine."""
    host = describe_host()
    name = os.environ.get(NAME, host.name)
    if name == host.name:
        return host
    identity = hashlib.sha256(f"{host.id}/{name}".encode()).hexdigest()[: len(host.id)]
    return host.model_copy(update={"name": name, "id": identity})


@cache
def _budget() -> int:
    return memory_budget()


def _own_directory() -> Path:
    return Path(os.environ[DIRECTORY])


def _find(digest: str) -> Path:
    """A file that was shipped; of an archive, the directory of what is in it."""
    entry = default_cache() / _KIND / digest
    file = entry / _FILE
    if not file.exists():
        raise HarnessError(f"{digest} was not sent to this host, or was removed since")
    with suppress(OSError):
        os.utime(entry)  # it is in use: prune removes the least recently used
    with file.open("rb") as opened:
        executable = opened.read(4) == b"\x7fELF"
    return file if executable else _tree_of(file)


def _tree_of(archive: Path) -> Path:
    tree = archive.with_name(_TREE)
    if not tree.exists():
        made = Path(tempfile.mkdtemp(dir=archive.parent))
        unpack(archive, made)
        try:
            made.rename(tree)
        except OSError:  # another lane was faster
            shutil.rmtree(made, ignore_errors=True)
    return tree
