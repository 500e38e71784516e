"""JSON Schemas of files, and the command that prints them."""

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import click
from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from harness.analysis.models import Verdict
from harness.bisect.record import Bisection
from harness.cli.options import examples
from harness.cli.output import say_json
from harness.explain.record import Explanation
from harness.matrix.models import MatrixSpec
from harness.models import field_docs
from harness.run.records import Manifest, TrialRecord

SCHEMAS: Mapping[str, type[BaseModel]] = MappingProxyType(
    {
        "matrix": MatrixSpec,
        "verdict": Verdict,
        "run": Manifest,
        "trial": TrialRecord,
        "bisect": Bisection,
        "explain": Explanation,
    }
)


class _Described(GenerateJsonSchema):
    """Adds the docstrings below fields."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        full = super().model_schema(schema)
        docs = field_docs(schema["cls"])
        for name, field in full.get("properties", {}).items():
            if name in docs:
                field["description"] = docs[name]
        return full


class _AsWritten(_Described):
    """Describes what a user may write, where the models say what it becomes.

    A validator that runs before a field's own takes a shorthand: one item for a list of them, text
    such as ``4GiB`` or a number for anything else. The loader keeps YAML's scalars as they were
    typed, so that ``GOGC: 100`` is text too.
    """

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        full = self.generate_inner(schema["schema"])
        short = full.get("items", {"type": ["string", "number"]})
        return {"anyOf": [full, short]}

    def str_schema(self, schema: core_schema.StringSchema) -> JsonSchemaValue:
        return super().str_schema(schema) | {"type": ["string", "number", "boolean"]}


def json_schema(name: str) -> dict[str, Any]:
    """Return the schema of ``matrix.yaml`` as users write it, or of a file as the harness does."""
    if name == "matrix":
        schema = MatrixSpec.model_json_schema(schema_generator=_AsWritten)
    else:
        schema = SCHEMAS[name].model_json_schema(mode="serialization", schema_generator=_Described)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema


@click.command(epilog=examples("gomatrix schema > matrix.schema.json", "gomatrix schema verdict"))
@click.argument("name", type=click.Choice(list(SCHEMAS)), default="matrix")
def schema(name: str) -> None:
    """Print the JSON Schema of matrix.yaml or of a file of a run."""
    say_json(json.dumps(json_schema(name), indent=2))
