"""Which Go versions a first matrix compares."""

from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.golang.experiments import OF_TOOLS, Experiments
from harness.golang.toolchains.providers import ask_providers, every_release
from harness.golang.toolchains.releases import at_hand
from harness.golang.toolchains.resolve import Toolchain, parse_toolchain, resolve
from harness.golang.versions import GoVersion, expand_shorthand, is_shorthand
from harness.models import Frozen

_OLDEST = 21
"""The first minor version that can be measured with the probe."""


class Versions(Frozen):
    """What to compare."""

    baseline: str
    candidate: str
    """The same as the baseline where the module asks for the newest Go."""
    origin: str = "go line"
    """What says so in go.mod."""
    settings: tuple[str, ...] = ()
    """What turns off all experiments that are on by default, where there is one Go to compare."""
    remark: str = ""
    """Why it differs from what one would expect; empty if it does not."""


def any_go(cache: Path, say: Callable[[str], None]) -> Toolchain:
    """Get the newest Go on this machine, or else the newest available.

    Raises:
        HarnessError: there is none.
    """
    name = next(reversed(at_hand(cache)), "stable")
    try:
        return resolve([parse_toolchain(name)], cache, say)[name]
    except HarnessError as error:
        raise HarnessError(f"the go command is needed to read the module: {error}") from None


def choose_versions(
    go: str | None, toolchain: str | None, cache: Path, say: Callable[[str], None]
) -> tuple[Versions, Toolchain | None]:
    """Choose the module's Go version and the newest stable one, of those available.

    If no provider can be reached, use what is on this machine. The module's toolchain line, as
    ``go1.24.3``, wins over its go line, as ``1.24``, since it is what builds today. Also returns
    the newer version's toolchain, if it could be fetched.

    Raises:
        HarnessError: no release can be had, or the module asks for a newer Go than can be had.
    """
    wanted = toolchain or f"go{go or f'1.{_OLDEST}'}"
    origin = "toolchain line" if toolchain else "go line" if go else "absent go line"
    wanted = max(wanted, f"go1.{_OLDEST}", key=GoVersion.parse)
    here = at_hand(cache)
    available = every_release(here, ask_providers(cache))
    newest = expand_shorthand("stable", available)
    if newest is None:
        raise HarnessError("no Go release is installed or can be fetched; see gomatrix doctor")
    if GoVersion.parse(wanted) > GoVersion.parse(newest) and wanted not in available:
        raise HarnessError(
            f"the module asks for {wanted}, and the newest available Go is {newest}; see "
            "gomatrix doctor, or lower the go line of go.mod"
        )
    baseline = _closest(wanted, available)
    remark = ""
    asked = expand_shorthand(wanted, [baseline]) if is_shorthand(wanted) else wanted
    if baseline != asked:
        remark = f"{baseline} is used in place of {wanted}, which is not available"
    try:
        found = resolve([parse_toolchain(name) for name in (baseline, newest)], cache, say)
    except HarnessError as error:
        remark = f"the Go versions could not be looked at: {str(error).splitlines()[0]}"
        versions = Versions(baseline=baseline, candidate=newest, origin=origin, remark=remark)
        return versions, None
    settings = _turned_off(found[newest].experiments) if baseline == newest else ()
    versions = Versions(baseline=baseline, candidate=newest, origin=origin, settings=settings,
                        remark=remark)  # fmt: skip
    return versions, found[newest]


def _closest(wanted: str, available: Sequence[str]) -> str:
    """The release that a go line stands for: the newest of its minor version, or the next one."""
    if wanted in available:
        return wanted
    enough = [v for v in available if GoVersion.parse(v) >= GoVersion.parse(wanted)]
    same = expand_shorthand(f"go1.{GoVersion.parse(wanted).minor}", enough)
    return same or min(enough, key=GoVersion.parse)


def _turned_off(experiments: Experiments) -> tuple[str, ...]:
    on = (name for name in experiments.known if name in experiments.on)
    return tuple(f"no{name}" for name in on if name not in OF_TOOLS)
