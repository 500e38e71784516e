"""JSON Schemas of the files that people and other programs write or read."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from harness.analysis.models import Verdict
from harness.run import Manifest, TrialRecord
from harness.spec.models import MatrixSpec

SCHEMAS: Mapping[str, type[MatrixSpec | Verdict | Manifest | TrialRecord]] = MappingProxyType(
    {"matrix": MatrixSpec, "verdict": Verdict, "run": Manifest, "trial": TrialRecord}
)


def json_schema(name: str) -> dict[str, Any]:
    """The schema of ``matrix.yaml`` as a user writes it, or of a file as the harness writes it."""
    written = name != "matrix"
    schema = SCHEMAS[name].model_json_schema(mode="serialization" if written else "validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
