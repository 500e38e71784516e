"""The load of the open-loop generator in ``loadgen/main.go``: what it is told, what it says."""

import json
from collections.abc import Mapping
from typing import Any

from harness.matrix.models import LoadSpec
from harness.trial.placeholders import fill


def generator_job(spec: LoadSpec, placeholders: Mapping[str, str], duration: float) -> str:
    """Return the generator's argument for a load of ``duration`` seconds."""
    own = {
        "url": fill(spec.url or "", placeholders),
        "headers": {name: fill(value, placeholders) for name, value in spec.headers.items()},
        "body": fill(spec.body, placeholders),
        "duration": duration,
    }
    return json.dumps(spec.model_dump(exclude={"command"}) | own)


def parse_report(output: str) -> dict[str, float | None]:
    """Parse the generator's report into metrics; empty if there is none."""
    try:
        report: dict[str, Any] = json.loads(output.splitlines()[-1])
        found: dict[str, float | None] = {
            "requests": report["answered"],
            "requests.failed": report["failed"],
            "requests.rate": report["answered"] / report["seconds"],
        }
        return found | {f"latency.{name}": value for name, value in report["latency"].items()}
    except (IndexError, KeyError, TypeError, ValueError, ZeroDivisionError):
        return {}
