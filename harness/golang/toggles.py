"""All toggles of toolchains: what can be turned, how, and its default by version."""

from collections.abc import Iterator, Mapping
from typing import Literal

from harness.golang.experiments import Experiments, table
from harness.golang.godebugs import Removed, Setting
from harness.golang.switches import SWITCHES, Switch
from harness.golang.versions import GoVersion
from harness.models import Frozen

Kind = Literal["experiment", "godebug", "switch"]


class Knowledge(Frozen):
    """What one toolchain knows."""

    version: str
    experiments: Experiments
    godebugs: dict[str, Setting]
    """By name."""
    removed: dict[str, Removed]
    """By name."""
    meanings: dict[str, str] = {}
    """What its source says of experiments and settings, in a sentence each; not all are there."""


class ToggleRow(Frozen):
    """A toggle, with its state in each toolchain."""

    kind: Kind
    name: str
    states: dict[str, str]
    """By toolchain: ``on``, ``off``, ``absent`` or ``removed``; of a GODEBUG setting whose default
    was changed ``new`` or ``old``; of others ``unchanged``."""
    turn: str
    """How to turn it from its newest default."""
    meaning: str = ""
    """What it does, and since when, as far as that is known."""


def toggle_rows(known: Mapping[str, Knowledge]) -> list[ToggleRow]:
    """The toggles of some toolchains: experiments, GODEBUG settings, compiler switches."""
    return [*_experiments(known), *_settings(known), *_switches(known)]


def _experiments(known: Mapping[str, Knowledge]) -> Iterator[ToggleRow]:
    for name, states in table({n: k.experiments for n, k in known.items()}).items():
        newest = next(s for s in reversed(states.values()) if s != "absent")
        turn = f"GOEXPERIMENT={'no' if newest == 'on' else ''}{name}"
        yield ToggleRow(
            kind="experiment", name=name, states=states, turn=turn, meaning=_meaning(name, known)
        )


def _settings(known: Mapping[str, Knowledge]) -> Iterator[ToggleRow]:
    names = sorted({name for k in known.values() for name in (*k.godebugs, *k.removed)})
    for name in names:
        found = [k.godebugs[name] for k in known.values() if name in k.godebugs]
        changed = next((s for s in reversed(found) if s.changed is not None), None)
        meaning, turn = _meaning(name, known), f"GODEBUG={name}=…"
        if changed is not None:
            turn = f"GODEBUG={name}={changed.old}"
            by = "go lines" if changed.follows_line else "toolchains"
            meaning = f"{meaning} New default for {by} from 1.{changed.changed} on.".lstrip()
        yield ToggleRow(
            kind="godebug", name=name, turn=turn, meaning=meaning,
            states={toolchain: _state(name, k) for toolchain, k in known.items()},
        )  # fmt: skip


def _meaning(name: str, known: Mapping[str, Knowledge]) -> str:
    """What the last toolchain says that says anything."""
    return next((k.meanings[name] for k in list(known.values())[::-1] if name in k.meanings), "")


def _state(name: str, known: Knowledge) -> str:
    if name in known.removed:
        return "removed"
    if name not in known.godebugs:
        return "absent"
    changed = known.godebugs[name].changed
    if changed is None:
        return "unchanged"
    return "new" if GoVersion.parse(known.version).minor >= changed else "old"


def _switches(known: Mapping[str, Knowledge]) -> Iterator[ToggleRow]:
    for switch in SWITCHES:
        states = {name: _switched(switch, k) for name, k in known.items()}
        if set(states.values()) != {"absent"}:
            line = f" For go lines from 1.{switch.line} on." if switch.line else ""
            yield ToggleRow(
                kind="switch", name=switch.name, states=states,
                turn=f"-gcflags={switch.gcflags('.')}", meaning=f"{switch.meaning}{line}",
            )  # fmt: skip


def _switched(switch: Switch, known: Knowledge) -> str:
    newest = f"1.{GoVersion.parse(known.version).minor}"
    return "on" if switch.in_effect(known.version, newest) else "absent"
