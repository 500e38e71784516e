"""What is told at the end of a session whose runs answer nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.pytest_plugin.collection import Collection
from harness.pytest_plugin.controller import Controller


@pytest.mark.parametrize("error", [RuntimeError("a bug"), pytest.exit.Exception("enough")])
def test_an_error_is_told_as_itself(
    error: Exception, pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(error), match=str(error)):
        end_with(error, pytestconfig, tmp_path, monkeypatch)


def test_the_first_failure_of_a_run_without_answers_is_told_as_that(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(pytest.UsageError, match="nothing could be measured"):
        end_with(pytest.Session.Failed("-x"), pytestconfig, tmp_path, monkeypatch)


def end_with(
    error: Exception, config: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOMATRIX_CACHE", str(tmp_path))
    run = SimpleNamespace(
        begun=False, complete=False, take_complete=lambda: False,
        unanswered=lambda: "nothing could be measured",
    )  # fmt: skip
    controller = Controller(config, Collection(), (), None)
    controller.runs = {tmp_path / "matrix.yaml": cast("Any", run)}
    session = SimpleNamespace(items=[], config=config)
    loop = controller.pytest_runtestloop(cast("Any", session))
    next(loop)
    loop.throw(error)
