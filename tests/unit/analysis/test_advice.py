"""Advice that fits the failure."""

import pytest

from harness.analysis.advice import advise
from harness.matrix.models import TrialsSpec, WorkloadSpec

PROGRAM = WorkloadSpec.model_validate({"name": "p", "package": "./p"})
SERVER = WorkloadSpec.model_validate(
    {"name": "s", "package": "./s",
     "server": {"ready": "http://127.0.0.1:{port}/", "load": {"command": ["true"]}}}
)  # fmt: skip


@pytest.mark.parametrize(
    ("outcome", "log", "workload", "said"),
    [
        ("exit 1", "", SERVER, "the server ended by itself"),
        ("signal SIGSEGV", "", SERVER, "the server ended by itself"),
        ("exit 1", "", PROGRAM, "the program ended with that status"),
        ("timeout", "panic: no config\n", PROGRAM, "a longer timeout will not help"),
        ("timeout", "working\n", PROGRAM, "longer than trials.timeout"),
        ("not ready", "", SERVER, "was not met within"),
    ],
)
def test_advice_fits(outcome: str, log: str, workload: WorkloadSpec, said: str) -> None:
    advice = advise(outcome, log, workload, TrialsSpec())
    assert said in advice
    assert ("timeout" in advice or "within" in advice) == (outcome in ("timeout", "not ready"))
