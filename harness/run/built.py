"""How programs were built and run, in sentences: where ``go build`` does otherwise, and why."""

from collections.abc import Iterable, Iterator, Sequence

from harness.golang.records import Built
from harness.matrix.models import MatrixSpec
from harness.matrix.names import variant_name


def how_built(builds: Iterable[Built], spec: MatrixSpec) -> list[str]:
    """Tell how programs are built and run.

    A sentence that does not hold for all of the builds begins with those for which it holds.
    """
    found = list(builds)
    holding: dict[str, list[Built]] = {}
    for build in found:
        for sentence in _sentences(build):
            holding.setdefault(sentence, []).append(build)
    told = [f"{_where(those, found)}{sentence}" for sentence, those in holding.items()]
    pinned = (
        f"GOMAXPROCS={spec.trials.cpus}, the CPUs that a trial is pinned to (trials.cpus), unless "
        'env: sets it; GOMAXPROCS: "" in a workload\'s env: leaves it to Go'
    )
    return [*told, pinned]


def _sentences(build: Built) -> Iterator[str]:
    yield from (f"unlike go build: {difference}" for difference in build.differs)
    if build.cgo:
        yield "C code is compiled (CGO_ENABLED=1)"
    if build.profile:
        yield f"guided by the profile {build.profile}, as go build does"
    if build.godebug:
        yield f"GODEBUG defaults, by the go line and //go:debug: {build.godebug}"


def _where(those: Sequence[Built], found: Sequence[Built]) -> str:
    """Name the builds among all: by toolchain or workload, where that tells them."""
    if len(those) == len(found):
        return ""
    for field in ("toolchain", "workload"):
        values = dict.fromkeys(getattr(build, field) for build in those)
        if len(those) == sum(getattr(build, field) in values for build in found):
            return f"{', '.join(values)}: "
    names = (variant_name(b.toolchain, b.settings, b.build.given()) for b in those)
    pairs = zip((b.workload for b in those), names, strict=True)
    return f"{', '.join(f'{workload} with {name}' for workload, name in pairs)}: "
