"""Whether measurements may be joined: a resumed or merged run must have the same inputs."""

import json
from typing import Any

from harness.errors import HarnessError
from harness.golang.records import BuildRecord
from harness.run.records import Manifest


def continued(old: Manifest, new: Manifest) -> Manifest:
    """The manifest of a run that is resumed.

    The old one may come from elsewhere. So whatever is executed or opened from now on is what this
    invocation found and built itself, and no path is kept of builds that it has not made.

    Raises:
        HarnessError: matrix, toolchains, builds or plan differ; the message names the field.
    """
    check_same_origin(old, new, "resumed")
    made = {_cell(build) for build in new.builds}
    earlier = [build.without_paths() for build in old.builds if _cell(build) not in made]
    fresh = {name: getattr(new, name) for name in _FROM_NEW}
    hosts = {host.id: host for host in (*(old.hosts or (old.host,)), new.host)}
    return old.model_copy(
        update={
            **fresh,
            "builds": (*new.builds, *earlier),
            "hosts": tuple(hosts.values()) if len(hosts) > 1 else old.hosts,
        }
    )


_FROM_NEW = (
    "matrix_path", "matrix_text", "matrix", "plan", "toolchains", "supervisor", "load_generator",
    "lanes", "memory_budget",
)  # fmt: skip


def _cell(build: BuildRecord) -> tuple[object, ...]:
    return (build.workload, build.toolchain, build.settings, build.build)


_INSTEAD = {
    "resumed": "start a new run, or undo the change",
    "merged": "measure both from the same matrix, sources and toolchains",
}


def check_same_origin(
    old: Manifest, new: Manifest, purpose: str, *, ignore: frozenset[str] = frozenset()
) -> None:
    """Refuse to join measurements of different things; ``purpose`` is ``resumed`` or ``merged``.

    Fields of ``ignore`` may differ, as ``plan.seed``.

    Raises:
        HarnessError: the message names the first field that differs, with both values.
    """
    before, after = (_origin(manifest) for manifest in (old, new))
    keys = before["builds"].keys() & after["builds"].keys()  # a selection may build less
    for origin in (before, after):
        origin["builds"] = {key: origin["builds"][key] for key in keys}
        for field in ignore:
            part, name = field.split(".")
            origin[part].pop(name)
    difference = _first_difference(before, after, "")
    if difference:
        raise HarnessError(
            f"{old.name} cannot be {purpose}: it was made from other inputs: {difference}; "
            f"{_INSTEAD[purpose]}"
        )


def _origin(manifest: Manifest) -> dict[str, Any]:
    """What a run's numbers depend on, as JSON values; builds count by the digest of the binary."""
    dumped = manifest.model_dump(mode="json")
    return {
        "matrix": dumped["matrix"],
        "toolchains": {
            t["name"]: {"version": t["version"], "on": t["on"]} for t in dumped["toolchains"]
        },
        "plan": {name: part for name, part in dumped["plan"].items() if name != "left"},
        "builds": {
            f"{b['workload']} with {b['toolchain']} {b['settings']} {b['build']}": b["sha256"]
            for b in dumped["builds"]
        },
    }


def _first_difference(old: Any, new: Any, field: str) -> str | None:
    """The first field in which two JSON values differ, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        pairs = [
            (old.get(key), new.get(key), f"{field}.{key}".lstrip(".")) for key in {**old, **new}
        ]
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = [(a, b, f"{field}[{i}]") for i, (a, b) in enumerate(zip(old, new, strict=True))]
    else:
        return None if old == new else f"{field} was {json.dumps(old)} and is {json.dumps(new)}"
    return next((d for a, b, name in pairs if (d := _first_difference(a, b, name))), None)
