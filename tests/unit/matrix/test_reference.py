from pathlib import Path

from harness.matrix.reference import markdown
from harness.schemas import json_schema


def test_the_reference_of_the_matrix_is_current() -> None:
    page = Path(__file__).parents[3] / "docs" / "matrix.md"

    assert page.read_text(encoding="utf-8") == markdown(), "python -m harness.matrix.reference"


def test_every_key_of_the_matrix_is_described_on_the_page_and_in_the_schema() -> None:
    schema = json_schema("matrix")
    page = markdown()

    for part in (schema, *schema["$defs"].values()):
        for key, field in part.get("properties", {}).items():
            assert field.get("description"), f"{part['title']}.{key}"
            assert f"| `{key}` |" in page
