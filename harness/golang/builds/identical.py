"""Whether two builds are the same program: its code and data, without how it was built."""

import hashlib
import sys
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.builds import unstamped
from harness.golang.builds.build import build_all
from harness.golang.builds.compile import go_build, overlay_flags, scratch_build
from harness.golang.builds.request import BuildRequest
from harness.golang.builds.settle import settle
from harness.golang.cache import remember
from harness.golang.sources.digests import Seen
from harness.golang.sources.inputs import Inputs, ask, inputs_of, reads_unknown_files
from harness.golang.toolchains.archives import sha256_of

_LINK = "-buildid= -s -w -X=runtime.buildVersion=go"
"""Without build ID, symbols, debugging information, and the version, which names experiments."""
_STAMPS = ("runtime.buildVersion", "runtime.modinfo", "-B")
"""What a user's flags for the linker may not set, for the digest leaves it out."""


def code_digest(request: BuildRequest, cache: Path) -> str | None:
    """The sha256 of a program as it is loaded, without what only tells how it was built.

    Two builds with equal digests run alike, byte for byte, unless the program itself reads
    ``runtime.Version``, its build information or its own file. The build is made and verified
    first, if it is not in the cache; the digest costs one more link (0.2 s for a small program),
    and is kept beside the build.

    ``None`` where that cannot be said for certain: the build fails, a C linker or C compiler takes
    part, or it reads files that nobody can name.
    """
    try:
        request = settle(request, cache)
        inputs = inputs_of(request.cell, cache)
        if not _certain(request, inputs):
            return None
        record = build_all([request], cache, lambda _: None)[0]
        if record.error is not None:
            return None
        memory = Path(record.binary).parent / f"code-{_method()}"
        try:
            return memory.read_text(encoding="ascii")
        except FileNotFoundError:
            digest = _link(request, cache, inputs)
            remember(memory, digest)
            return digest
    except (HarnessError, OSError):  # as where the cache is another user's
        return None


def _certain(request: BuildRequest, inputs: Inputs) -> bool:
    build = request.build
    stamped = any(word in build.ldflags for word in _STAMPS)
    unknown = inputs.unknown or reads_unknown_files(build)
    return not (build.needs_cgo or unknown or stamped)


def _method() -> str:
    """Digest how digests are made."""
    text = Path(__file__).read_bytes() + Path(unstamped.__file__).read_bytes()
    return hashlib.sha256(text).hexdigest()[:16]


def _link(request: BuildRequest, cache: Path, inputs: Inputs) -> str:
    """Link a program whose packages are compiled already.

    Raises:
        HarnessError: it does not link, or its files were changed meanwhile.
    """
    wrapper = " ".join(map(_quoted, (sys.executable, "-I", "-S", unstamped.__file__)))
    with scratch_build(request, cache, inputs) as job:
        binary = job.directory / "binary"
        overlay = overlay_flags(job, "overlay", request.probe)
        flags = [f"-ldflags={request.build.ldflags} {_LINK}", f"-toolexec={wrapper}"]
        go_build(job, [*flags, *overlay, "-o", str(binary)])
        if ask(request.cell, cache, Seen()) != inputs:
            raise HarnessError(f"files of {request.source.module} were changed; run it again")
        return sha256_of(binary)


def _quoted(word: str) -> str:
    """Quote a word as the go command reads it: in quotes of either kind, and no escapes.

    Raises:
        HarnessError: it holds quotes of both kinds.
    """
    if "'" in word and '"' in word:
        raise HarnessError(f"{word} holds quotes of both kinds, which the go command cannot read")
    mark = '"' if "'" in word else "'"
    return f"{mark}{word}{mark}"
