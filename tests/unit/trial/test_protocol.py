"""The supervisor's structures in Go are the models of ``harness/trial/process.py``."""

import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from harness.matrix.models import LoadSpec
from harness.trial.process import Ended, Job, Pages, PagesRequest, Started, Usage
from harness.trial.server.load import generator_job

_TYPES: dict[Any, set[str]] = {
    int: {"int", "int64"},
    bool: {"bool"},
    tuple[tuple[int, int], ...]: {"[][2]uint64"},
    Path: {"string"},
    Path | None: {"string"},
    str: {"string"},
    tuple[str, ...]: {"[]string"},
    tuple[int, ...]: {"[]int", "[]uint64"},
    dict[str, str] | None: {"map[string]string"},
    Usage: {"usage"},
}
"""What each type of a field may be in Go; any other is a literal."""


@pytest.mark.parametrize("model", [Job, Started, Ended, Usage, PagesRequest, Pages])
def test_go_and_python_agree_on_the_protocol(model: type[BaseModel]) -> None:
    source = (files("harness.trial") / "supervisor" / "main.go").read_text(encoding="utf-8")
    name = model.__name__[0].lower() + model.__name__[1:]
    body = re.search(rf"^type {name} struct {{\n(.*?)^}}", source, re.MULTILINE | re.DOTALL)
    assert body is not None
    lines = re.findall(r'^\t\w+ +(\S+) +`json:"(\w+)"`$', body[1], re.MULTILINE)
    assert len(lines) == len(body[1].splitlines())
    assert [field for _, field in lines] == list(model.model_fields)
    for go, field in lines:
        annotation = model.model_fields[field].annotation
        assert go in _TYPES.get(annotation, {"string"}), field


def test_go_and_python_agree_on_the_load() -> None:
    spec = LoadSpec(url="http://127.0.0.1:{port}/", duration=1.0)
    source = (files("harness.trial") / "loadgen" / "main.go").read_text(encoding="utf-8")
    body = re.search(r"^type job struct {\n(.*?)^}", source, re.MULTILINE | re.DOTALL)
    assert body is not None
    fields = re.findall(r'`json:"(\w+)"`', body[1])
    assert len(fields) == len(body[1].splitlines())
    assert set(fields) == json.loads(generator_job(spec, {}, 1.0)).keys()
