"""Variants: their conditions, and the toggles by which two of them differ."""

from collections.abc import Iterable, Mapping
from typing import Literal, NamedTuple

from harness.golang.experiments import experiment_of, in_effect
from harness.golang.records import ToolchainRecord
from harness.matrix.models import BuildPattern, BuildSpec
from harness.matrix.names import VariantName, assignments, parse_name
from harness.models import Frozen

ToggleKind = Literal["toolchain", "experiment", "build", "environment"]


class Toggle(NamedTuple):
    """One thing by which two variants may differ."""

    kind: ToggleKind
    name: str
    """An experiment, a build setting or a variable, as it is called in variants' names."""

    def __str__(self) -> str:
        return "the toolchain" if self.kind == "toolchain" else self.name


class Conditions(NamedTuple):
    """What a variant runs in: everything but toolchain and experiments."""

    build: BuildSpec
    env: tuple[tuple[str, str], ...]
    """By name."""

    def pairs(self) -> dict[str, str]:
        """Build settings other than Go's own, then variables, as they are called in names."""
        return self.build.given() | environment_pairs(dict(self.env))

    def words(self) -> str:
        """``race=true GOGC=50``; empty where all is Go's own."""
        return assignments(self.pairs())


class Variant(Frozen):
    """A toolchain with experiment settings, build settings and a run environment."""

    name: str
    toolchain: str
    settings: tuple[str, ...] = ()
    build: BuildSpec = BuildSpec()
    env: dict[str, str] = {}
    own: BuildPattern = BuildPattern()
    """Build settings that belong to its toolchain, in the place of the same in ``build``."""

    @property
    def made_with(self) -> BuildSpec:
        """The settings of its builds."""
        return self.own.applied_to(self.build) if self.own.given else self.build

    @property
    def conditions(self) -> Conditions:
        """What it runs in. Only variants with equal conditions show the effect of other toggles."""
        return Conditions(self.build, tuple(sorted(self.env.items())))

    @property
    def identity(self) -> tuple[str, tuple[str, ...], Conditions, BuildSpec]:
        """What makes it the same as another variant; its name is for people."""
        return self.toolchain, self.settings, self.conditions, self.made_with


def environment_pairs(env: Mapping[str, str]) -> dict[str, str]:
    """Variables as they are called in names: one that is called like a build setting, ``env.X``."""
    settings = BuildSpec().texts()
    return {f"env.{key}" if key in settings else key: value for key, value in env.items()}


def effective(variant: Variant, toolchains: Mapping[str, ToolchainRecord]) -> frozenset[str]:
    """The experiments that are on in a variant; unknown toolchains have none by default."""
    record = toolchains.get(variant.toolchain)
    return in_effect(variant.settings, record.on if record else ())


def toggles_between(
    one: Variant, other: Variant, toolchains: Mapping[str, ToolchainRecord] | None = None
) -> frozenset[Toggle]:
    """Everything by which two variants differ.

    Where both have one of the given toolchains, experiments count by what is on, else by what is
    set.
    """
    same = one.toolchain == other.toolchain
    if same and toolchains and one.toolchain in toolchains:
        experiments = effective(one, toolchains) ^ effective(other, toolchains)
    else:
        settings = set(one.settings) ^ set(other.settings)
        experiments = frozenset(map(experiment_of, settings))
    return frozenset(
        {
            *(() if same else (Toggle("toolchain", ""),)),
            *(Toggle("experiment", name) for name in experiments),
            *_differing("build", one.build.texts(), other.build.texts()),
            *_differing("environment", environment_pairs(one.env), environment_pairs(other.env)),
        }
    )


def _differing(
    kind: ToggleKind, one: Mapping[str, str], other: Mapping[str, str]
) -> Iterable[Toggle]:
    return (Toggle(kind, key) for key in {**one, **other} if one.get(key) != other.get(key))


def state_of(toggle: Toggle, variant: Variant) -> str:
    """A variant's state of a build setting or variable: ``GOGC=50``."""
    pairs = variant.build.texts() if toggle.kind == "build" else environment_pairs(variant.env)
    if toggle.name not in pairs:
        return f"without {toggle.name}"
    return assignments({toggle.name: pairs[toggle.name]})


def counterpart(variants: Iterable[Variant], of: Variant, conditions: Conditions) -> Variant | None:
    """The variant of the same toolchain and settings that was run in other conditions."""
    return next(
        (
            v for v in variants
            if (v.toolchain, v.settings, v.conditions) == (of.toolchain, of.settings, conditions)
        ),
        None,
    )  # fmt: skip


def find_variant(name: str, variants: Iterable[Variant]) -> Variant | None:
    """Find the variant that a user names.

    Settings and pairs may come in any order. A build setting that is the same in all variants may
    be named, and need not.
    """
    variants = tuple(variants)
    exact = next((v for v in variants if v.name == name), None)
    asked = parse_name(name)
    if exact or asked is None:
        return exact
    unset = {(key, "") for key, _ in asked.pairs} - BuildSpec().texts().items()
    asked = asked._replace(pairs=asked.pairs - unset)  # an empty variable is not set
    own = {v.name: parse_name(v.name) for v in variants}
    alike = [v for v in variants if own[v.name] == asked]
    fitting = alike or [v for v in variants if _fits(asked, v, own[v.name])]
    return fitting[0] if len(fitting) == 1 else None


def _fits(asked: VariantName, variant: Variant, own: VariantName | None) -> bool:
    """Whether the variant has all that was named, and all in its own name was named."""
    everything = variant.build.texts() | environment_pairs(variant.env)
    return (
        asked.toolchain == variant.toolchain
        and asked.settings == set(variant.settings)
        and asked.pairs <= everything.items()
        and own is not None
        and own.pairs <= asked.pairs
    )
