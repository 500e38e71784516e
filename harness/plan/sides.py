"""What the sides of a question differ in, and the variant in which suspects are turned back.

A suspect is turned back in one side of the question, the varied one: the side with the newer Go,
which knows the older one's behaviour; of the same Go, the candidate. Pure functions.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from harness.golang.experiments import Experiments, experiment_of, in_effect, turns_on
from harness.golang.godebugs import Removed, Setting, compose, parse
from harness.golang.switches import Switch, came_between, merge_gcflags
from harness.golang.versions import GoVersion
from harness.matrix.models import BuildSpec, SuspectSpec
from harness.matrix.models.builds import BuildPattern, called
from harness.matrix.names import parse_name, variant_name
from harness.plan.suspects import Settled, Suspected
from harness.plan.variants import Variant, environment_pairs, toggles_between


class Side(NamedTuple):
    """Baseline or candidate, with what its toolchain knows."""

    variant: Variant
    version: str
    experiments: Experiments
    godebugs: Mapping[str, Setting]
    """By name."""
    removed: Mapping[str, Removed]
    """By name."""
    defaults: Mapping[str, Mapping[str, str]]
    """By workload: GODEBUG settings whose default there is not the toolchain's newest."""
    lines: Mapping[str, str]
    """By workload: the go line of its main module; empty for none."""
    guided: frozenset[str] = frozenset()
    """Workloads that are built with a profile."""

    @property
    def on(self) -> frozenset[str]:
        """Experiments that are on."""
        return in_effect(self.variant.settings, self.experiments.on)

    def value(self, setting: Setting, workload: str) -> str | None:
        """The value of a GODEBUG setting; ``None`` for the toolchain's newest behaviour.

        ``setting`` is of the newer toolchain. One that this toolchain does not know, or of which
        it has no change, behaves as the old value does.
        """
        given = {**self.defaults.get(workload, {}), **parse(self.variant.env.get("GODEBUG", ""))}
        if setting.name in given:
            return given[setting.name]
        own = self.godebugs.get(setting.name)
        return None if own is not None and own.changed is not None else setting.old


class Sides(NamedTuple):
    """Both sides of a question, by age."""

    varied: Side
    """The one with the newer Go, in which suspects are turned back; of the same, the candidate."""
    other: Side

    @classmethod
    def of(cls, baseline: Side, candidate: Side) -> "Sides":
        """Tell which one is varied."""
        if GoVersion.parse(baseline.version) > GoVersion.parse(candidate.version):
            return cls(baseline, candidate)
        return cls(candidate, baseline)


def suspects_of(
    asked: Iterable[SuspectSpec], sides: Sides, workloads: Sequence[str]
) -> tuple[Suspected, ...]:
    """Everything that a question asks about, each once, with what is known without a trial."""
    found: dict[str, Suspected] = {}
    for spec in asked:
        for suspect in _everything(sides, workloads) if spec.auto else [_listed(spec, sides)]:
            settled = _settled(suspect, sides, workloads, listed=not spec.auto)
            known = {"settled": settled, "counted": _is_counted(suspect, sides)}
            found.setdefault(suspect.label, suspect.model_copy(update=known))
    return tuple(found.values())


def turned_back(variant: Variant, chosen: Iterable[Suspected], experiments: Experiments) -> Variant:
    """The variant in which some suspects are turned back; ``experiments`` are its toolchain's."""
    toolchain, settings = variant.toolchain, list(variant.settings)
    env, build = dict(variant.env), variant.made_with.model_dump()
    for suspect in chosen:
        match suspect.kind:
            case "experiment":
                settings = [s for s in settings if experiment_of(s) != suspect.name]
                if (suspect.name in in_effect(settings, experiments.on)) != turns_on(suspect.back):
                    settings.append(suspect.back)
            case "godebug":
                env["GODEBUG"] = compose(env.get("GODEBUG", ""), {suspect.name: suspect.back})
            case "env":
                env[suspect.name] = suspect.back
            case "gcflags":
                build["gcflags"] = merge_gcflags(build["gcflags"], [suspect.back])
            case "ldflags":
                build["ldflags"] = f"{build['ldflags']} {suspect.back}".strip()
            case "build":
                build[suspect.name] = _read(suspect)
            case "patch":
                toolchain = f"{toolchain}~{suspect.name}"
    ordered = experiments.in_order(tuple(settings))
    env = {name: value for name, value in env.items() if value}
    made = BuildSpec.model_validate(build)
    turned = {key: value for key, value in made if value != getattr(variant.made_with, key)}
    made = variant.build.model_copy(update=turned)
    before, own = variant.build.texts(), parse_name(variant.name)
    said = {key for key, _ in own.pairs} if own else set()
    told = {k: v for k, v in made.texts().items() if v != before[k] or k in said}
    name = variant_name(toolchain, ordered, told | environment_pairs(env))
    return Variant(
        name=name, toolchain=toolchain, settings=ordered, build=made, env=env,
        own=variant.own.without(turned),
    )  # fmt: skip


def _everything(sides: Sides, workloads: Sequence[str]) -> Iterator[Suspected]:
    """All that differs and can be turned back, what needs no build first."""
    varied, other = sides.varied, sides.other
    for name, setting in sorted(varied.godebugs.items()):
        if setting.package.startswith("cmd/"):
            continue  # no part of a program
        values = [(varied.value(setting, w), other.value(setting, w)) for w in workloads]
        differing = [back for own, back in values if own != back]
        came = setting.changed is not None and _came_between(setting.changed, sides)
        if differing or came:
            back = differing[0] if differing else setting.old
            value = setting.newest if back is None else back
            yield Suspected(kind="godebug", name=name, back=value)
    for name in sorted(varied.removed.keys() & other.godebugs.keys()):
        setting = other.godebugs[name]
        kept = [v for w in workloads if (v := other.value(setting, w)) is not None]
        if kept:
            yield Suspected(kind="godebug", name=name, back=kept[0])
    yield from _conditions(sides)
    known = varied.experiments.known
    for name in (n for n in known if n in varied.on ^ other.on):
        yield Suspected(kind="experiment", name=name, back=_opposite(name, varied))
    for switch in dict.fromkeys(s for w in workloads for s in _switched(sides, w)):
        yield Suspected(kind="gcflags", name=switch.name, back=switch.gcflags("."))


def _conditions(sides: Sides) -> Iterator[Suspected]:
    """Build settings and variables that differ, but for what other suspects stand for."""
    varied, other = sides.varied.variant, sides.other.variant
    for difference in sorted(toggles_between(varied, other)):
        if difference.kind == "build" and difference.name not in ("go_line", "source"):
            field = difference.name.lower()
            yield Suspected(kind="build", name=field, back=other.build.texts()[difference.name])
        if difference.kind == "environment" and difference.name != "GODEBUG":
            name = difference.name.removeprefix("env.")
            yield Suspected(kind="env", name=name, back=other.env.get(name, ""))


def _listed(spec: SuspectSpec, sides: Sides) -> Suspected:
    """A suspect as the matrix names it."""
    for kind, text in (("godebug", spec.godebug), ("env", spec.env)):
        if text is not None:
            name, _, value = text.partition("=")
            return Suspected(kind=kind, name=name, back=value)
    if spec.experiment is not None:
        return Suspected(
            kind="experiment", name=spec.experiment, back=_opposite(spec.experiment, sides.varied)
        )
    if spec.patch is not None:
        return Suspected(kind="patch", name=Path(spec.patch).stem, back=spec.patch)
    for field in BuildPattern.model_fields:
        if getattr(spec, field) is not None:
            text = spec.applied_to(BuildSpec()).texts()[called(field)]
            kind = field if field in ("gcflags", "ldflags") else "build"
            return Suspected(kind=kind, name=field, back=text)
    raise AssertionError("a suspect has one key")


def _settled(
    suspect: Suspected, sides: Sides, workloads: Sequence[str], *, listed: bool
) -> dict[str, Settled]:
    """What is known of a suspect without a trial, by workload."""
    found = {w: _known(suspect, sides, w, listed=listed) for w in workloads}
    return {workload: settled for workload, settled in found.items() if settled}


def _known(suspect: Suspected, sides: Sides, workload: str, *, listed: bool) -> Settled | None:
    match suspect.kind:
        case "experiment":
            return _of_experiment(suspect.name, sides)
        case "godebug":
            return _of_godebug(suspect, sides, workload, listed=listed)
        case "gcflags" if not listed:
            return _of_switch(suspect.name, sides, workload)
        case _:
            return None


def _of_experiment(name: str, sides: Sides) -> Settled | None:
    varied, other = sides.varied, sides.other
    if name not in varied.experiments.known:
        return _unknown(f"{varied.variant.toolchain} does not know the experiment {name}")
    if name not in varied.on | other.on:
        return _same(f"{name} is off in {varied.variant.name} and {other.variant.name} alike")
    return None


def _of_godebug(suspect: Suspected, sides: Sides, workload: str, *, listed: bool) -> Settled | None:
    name, varied = suspect.name, sides.varied
    if name in varied.removed:
        return Settled(
            verdict="not applicable", certainty="removed",
            reason=varied.removed[name].reason(varied.variant.toolchain),
        )  # fmt: skip
    setting = varied.godebugs.get(name)
    if setting is None:
        known = f"{varied.variant.toolchain} does not know the GODEBUG setting {name}"
        return _unknown(known)
    own, back = varied.value(setting, workload), sides.other.value(setting, workload)
    if own == suspect.back or (not listed and own == back):
        what = f"{name}={own}" if own is not None else f"the newest behaviour of {name}"
        return _same(f"{workload} has {what} in {varied.variant.name} anyway")
    return None


def _of_switch(name: str, sides: Sides, workload: str) -> Settled | None:
    if name in {switch.name for switch in _switched(sides, workload)}:
        return None
    return _same(f"it is in effect on both sides, or on neither, of {workload}")


def _unknown(reason: str) -> Settled:
    return Settled(verdict="not applicable", certainty="unknown", reason=reason)


def _same(reason: str) -> Settled:
    return Settled(verdict="ruled out", certainty="same value", reason=reason)


def _switched(sides: Sides, workload: str) -> list[Switch]:
    """Compiler switches in effect on the varied side, and not on the other."""
    varied, other = sides.varied, sides.other
    lines = other.lines.get(workload, ""), varied.lines.get(workload, "")
    guided = workload in varied.guided
    return came_between(other.version, varied.version, lines, pgo=guided)


def _came_between(changed: int, sides: Sides) -> bool:
    minors = [GoVersion.parse(side.version).minor for side in (sides.other, sides.varied)]
    return minors[0] < changed <= minors[1]


def _opposite(experiment: str, side: Side) -> str:
    return f"no{experiment}" if experiment in side.on else experiment


def _is_counted(suspect: Suspected, sides: Sides) -> bool:
    """Whether the runtime counts what turning a suspect back changes."""
    setting = sides.varied.godebugs.get(suspect.name)
    if suspect.kind != "godebug" or setting is None or setting.opaque:
        return False
    return not setting.is_newest(suspect.back)


def _read(suspect: Suspected) -> bool | str | tuple[str, ...]:
    """A build setting from its text."""
    own = getattr(BuildSpec(), suspect.name)
    if isinstance(own, bool):
        return suspect.back == "true"
    return tuple(filter(None, suspect.back.split(","))) if isinstance(own, tuple) else suspect.back
