"""The load of the open-loop generator in ``loadgen/main.go``: what it is told, what it says."""

import json
from collections.abc import Mapping
from typing import Any

from harness.matrix.models import LoadSpec
from harness.trial.placeholders import fill


def generator_job(spec: LoadSpec, placeholders: Mapping[str, str], duration: float) -> str:
    """Return the generator's argument for a load of ``duration`` seconds."""
    kinds = [
        {
            "url": fill(kind.url, placeholders), "method": kind.method, "weight": kind.weight,
            "headers": {
                name: fill(value, placeholders)
                for name, value in (spec.headers | kind.headers).items()
            },
            "body": fill(kind.body, placeholders),
        }
        for kind in spec.kinds
    ]  # fmt: skip
    own = {"requests": kinds, "duration": duration, "connections": spec.connections or 0}
    given = ("rate", "request_timeout", "max_in_flight", "max_failed")
    return json.dumps(own | spec.model_dump(include=set(given)))


def parse_report(output: str) -> dict[str, float | None]:
    """Parse the generator's report into metrics; empty if there is none."""
    try:
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
        found: dict[str, float | None] = {
            "requests": report["answered"],
            "requests.failed": report["failed"],
            "requests.rate": report["answered"] / report["seconds"],
            "requests.missed": report["missed"],
            "requests.in_flight": report["in_flight"],
            "load.connections": report["connections"],
            "load.late": report["late"].get("p99"),
        }
        return found | {f"latency.{name}": value for name, value in report["latency"].items()}
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return {}
