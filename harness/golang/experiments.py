"""Experiments of a toolchain: which names it knows, which are on, what a setting means."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.models import Frozen
from harness.text.suggestions import closest

_FLAGS_STRUCT = r"(?ms)^type Flags struct \{\n(.*?)^\}"
_COMMENTED_FIELD = r"(?m)((?:^[ \t]+//.*\n)+)^[ \t]+([A-Z]\w*)\s+bool\b"
_FIELD = r"(?m)^\s+([A-Z]\w*)\s+bool\b"

KNOWN = frozenset({
    "aliastypeparams", "allocheaders", "arenas", "boringcrypto", "cacheprog", "cgocheck2",
    "coverageredesign", "dwarf5", "exectracer2", "fieldtrack", "goroutineleakprofile", "greenteagc",
    "heapminimum512kib", "jsonv2", "loopvar", "mapsplitgroup", "newinliner", "pagetrace",
    "preemptibleloops", "randomizedheapbase64", "range", "rangefunc", "regabiargs",
    "regabiwrappers", "runtimefreegc", "runtimesecret", "simd", "sizespecializedmalloc",
    "spinbitmutex", "staticlockranking", "swissmap", "synchashtriemap", "synctest",
})  # fmt: skip
"""All names in ``internal/goexperiment/flags.go`` of releases of ``KNOWN_MINORS``, to refuse a
misspelt one before a toolchain is there. Patch releases add none."""
OF_TOOLS = frozenset({
    "aliastypeparams", "cacheprog", "coverageredesign", "dwarf5", "exectracer2", "regabiargs",
    "regabiwrappers",
})  # fmt: skip
"""Experiments that leave a program's memory as it is: they change what compilers accept, debugging
information, coverage and traces; those of the register ABI are ignored where there is no other."""
KNOWN_MINORS = range(21, 28)
"""Go 1.21 to 1.27."""


class Experiments(Frozen):
    """The experiments of one toolchain on one platform."""

    known: tuple[str, ...]
    """Every name, lower case, in the order of the toolchain's own source."""
    on: frozenset[str]
    """The names that are on by default."""

    def knows(self, setting: str) -> bool:
        """Whether ``GOEXPERIMENT=setting`` is valid for this toolchain."""
        return setting == "none" or experiment_of(setting) in (*self.known, "regabi")

    def in_order(self, settings: tuple[str, ...]) -> tuple[str, ...]:
        """Sort settings in the toolchain's order; the last one for each experiment wins."""
        last = {experiment_of(setting): setting for setting in settings}
        rank = {name: index for index, name in enumerate(("none", *self.known))}
        return tuple(sorted(last.values(), key=lambda s: rank.get(experiment_of(s), len(rank))))


def experiment_of(setting: str) -> str:
    """Return the experiment that a setting turns on or off; ``none`` stands for itself."""
    # Go strips "no" before it looks a name up (internal/buildcfg): notaflag turns taflag off
    return setting if setting == "none" else setting.removeprefix("no")


def turns_on(setting: str) -> bool:
    """Whether a setting turns its experiment on."""
    return setting != "none" and not setting.startswith("no")


def in_effect(settings: Iterable[str], default: Iterable[str]) -> frozenset[str]:
    """The experiments that are on with these settings; ``default`` are those on without any."""
    given = tuple(settings)
    named = {experiment_of(setting) for setting in given}
    on = frozenset() if "none" in given else frozenset(default)
    return on - named | {setting for setting in given if turns_on(setting)}


def parse_flag_names(source: str) -> tuple[str, ...]:
    """The experiment names in ``internal/goexperiment/flags.go``, lower case, in source order.

    Raises:
        ValueError: the text holds no ``Flags`` struct.
    """
    struct = re.search(_FLAGS_STRUCT, source)
    if struct is None:
        raise ValueError("no Flags struct in internal/goexperiment/flags.go")
    return tuple(name.lower() for name in re.findall(_FIELD, struct[1]))


def parse_meanings(source: str) -> dict[str, str]:
    """Return the first sentence of each commented experiment in ``flags.go``."""
    struct = re.search(_FLAGS_STRUCT, source)
    found = {}
    for comment, name in re.findall(_COMMENTED_FIELD, struct[1] if struct else ""):
        lines = [line.strip().removeprefix("//").strip() for line in comment.splitlines()]
        paragraph = " ".join(lines[: lines.index("")] if "" in lines else lines)
        found[name.lower()] = re.split(r"(?<=\.)\s", paragraph, maxsplit=1)[0]
    return found


def experiment_meanings(goroot: Path) -> dict[str, str]:
    """Return what a toolchain's source says of its experiments, by name."""
    path = goroot / "src" / "internal" / "goexperiment" / "flags.go"
    try:
        return parse_meanings(path.read_text(encoding="utf-8"))
    except OSError:
        return {}


def parse_tool_tags(tags: str) -> frozenset[str]:
    """Return the experiments that are on, given the go command's tags (``goexperiment.NAME,…``)."""
    prefix = "goexperiment."
    return frozenset(t.removeprefix(prefix) for t in tags.split(",") if t.startswith(prefix))


def explain_unknown(setting: str, toolchains: Iterable[Experiments]) -> str:
    """Explain a setting that no toolchain knows: how Go reads it, and the nearest valid one."""
    known = sorted({name for toolchain in toolchains for name in toolchain.known})
    valid = [s for name in known for s in (name, f"no{name}") if experiment_of(s) == name]
    read = f" (no + {experiment_of(setting)!r})" if setting != experiment_of(setting) else ""
    wanted = setting.lower()
    alike = [s for s in valid if turns_on(s) == turns_on(wanted)]
    close = closest(wanted, alike, valid)
    hint = f"did you mean {close!r}?" if close else f"they know {', '.join(known)}"
    return f"the experiment setting {setting!r}{read}; {hint}"


def table(toolchains: Mapping[str, Experiments]) -> dict[str, dict[str, str]]:
    """Return each experiment's state by toolchain: ``on``, ``off`` or ``absent``."""
    names = sorted({name for experiments in toolchains.values() for name in experiments.known})
    return {
        name: {toolchain: _state(name, its) for toolchain, its in toolchains.items()}
        for name in names
    }


def _state(name: str, experiments: Experiments) -> str:
    if name not in experiments.known:
        return "absent"
    return "on" if name in experiments.on else "off"
