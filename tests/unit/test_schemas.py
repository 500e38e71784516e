import json
from importlib.resources import files

import pytest

from harness.schemas import SCHEMAS, json_schema


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_stored_schemas_are_current(name: str) -> None:
    """Editors and other programs read them from the package; renew with ``gomatrix schema``."""
    stored = (files("harness.schemas") / f"{name}.json").read_text(encoding="utf-8")
    assert json.loads(stored) == json_schema(name), f"gomatrix schema {name} > harness/schemas/…"
