"""Heap profiles: merged per variant, and what one variant's heap holds more than another's."""

import re
import tempfile
from collections.abc import Sequence
from pathlib import Path

from harness.frozen import Frozen
from harness.golang.command import build_cache, run_go

_ROW = re.compile(r"^\s*(-?[\d.]+)B?\s+\S+\s+\S+\s+(-?[\d.]+)B?\s+\S+\s+(.+?)\s*$", re.MULTILINE)


class Holder(Frozen):
    """A function and what the objects that it allocated hold, per trial."""

    function: str
    flat: float
    """Bytes allocated by the function itself."""
    cumulative: float
    """Bytes allocated by it and by what it called."""


def merge(profiles: Sequence[Path], output: Path, goroot: Path, cache: Path) -> None:
    """Add profiles up into one.

    Raises:
        HarnessError: ``go tool pprof`` refuses one of them.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    arguments = ["-proto", f"-output={output.absolute()}", *_absolute(profiles)]
    _pprof(goroot, cache, arguments)


def top(
    profiles: Sequence[Path],
    base: Sequence[Path],
    goroot: Path,
    cache: Path,
    *,
    count: int = 20,
) -> list[Holder]:
    """The functions whose objects hold most, largest change first.

    Args:
        profiles: of one variant, one a trial.
        base: of the variant to compare with; none to see the first by itself. Of both, only as many
            are used as the smaller has, so that sums over trials compare.
        goroot: of the toolchain whose pprof reads them.
        cache: the harness's cache directory.
        count: how many functions.

    Raises:
        HarnessError: ``go tool pprof`` refuses one of them.
    """
    trials = min(len(profiles), len(base)) if base else len(profiles)
    if not trials:
        return []
    options = ["-top", "-sample_index=inuse_space", "-unit=B", f"-nodecount={count}",
               "-nodefraction=0", "-edgefraction=0"]  # fmt: skip
    with tempfile.TemporaryDirectory() as directory:
        if base:  # merged, for pprof takes only one base
            merged = Path(directory) / "base.pb.gz"
            merge(base[:trials], merged, goroot, cache)
            options.append(f"-diff_base={merged}")
        text = _pprof(goroot, cache, [*options, *_absolute(profiles[:trials])])
    return [
        Holder(
            function=holder.function,
            flat=holder.flat / trials,
            cumulative=holder.cumulative / trials,
        )
        for holder in parse_top(text)
    ]


def parse_top(text: str) -> list[Holder]:
    """The rows that ``go tool pprof -top -unit=B`` prints below its heading."""
    _, _, rows = text.partition("cum%")
    return [
        Holder(function=name, flat=float(flat), cumulative=float(cumulative))
        for flat, cumulative, name in _ROW.findall(rows)
    ]


def _absolute(paths: Sequence[Path]) -> list[str]:
    return [str(path.absolute()) for path in paths]


def _pprof(goroot: Path, cache: Path, arguments: Sequence[str]) -> str:
    """Newer toolchains compile pprof when it is first asked for, into a cache of its own."""
    arguments = ["tool", "pprof", "-symbolize=none", *arguments]
    return run_go(goroot, build_cache(cache, f"pprof-{goroot.parent.name}"), arguments)
