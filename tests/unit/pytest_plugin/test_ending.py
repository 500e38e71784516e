"""What is told at the end of a session whose runs answer nothing."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.errors import HarnessError
from harness.pytest_plugin.collection import Collection
from harness.pytest_plugin.controller import Controller


@pytest.mark.parametrize("error", [RuntimeError("a bug"), pytest.exit.Exception("enough")])
def test_an_error_is_told_as_itself(
    error: Exception, pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for begun in (False, True):
        with pytest.raises(type(error), match=str(error)):
            end_with(error, pytestconfig, tmp_path, monkeypatch, begun=begun)


def test_the_first_failure_of_a_run_without_answers_is_told_as_that(
    pytestconfig: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for begun, told in ((False, "nothing could be measured"), (True, "cannot be judged")):
        with pytest.raises(pytest.UsageError, match=told):
            end_with(pytest.Session.Failed(), pytestconfig, tmp_path, monkeypatch, begun=begun)


def end_with(
    error: Exception, config: pytest.Config, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    *, begun: bool = False,
) -> None:  # fmt: skip
    monkeypatch.setenv("GOMATRIX_CACHE", str(tmp_path))

    def conclude(_: object, meanwhile: object) -> None:  # noqa: ARG001 - as Invocation.conclude
        raise HarnessError("it cannot be judged")

    run = SimpleNamespace(
        begun=begun, complete=False, take_complete=lambda: False,
        unanswered=lambda: "nothing could be measured", conclude=conclude,
    )  # fmt: skip
    judging = SimpleNamespace(running=True)
    controller = Controller(config, Collection(), (), cast("Any", judging))
    controller.runs = {tmp_path / "matrix.yaml": cast("Any", run)}
    session = SimpleNamespace(items=[], config=config)
    loop = controller.pytest_runtestloop(cast("Any", session))
    next(loop)
    loop.throw(error)
