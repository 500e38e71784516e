"""What a driver takes for the result of a trial."""

import re

import pytest

from harness.cluster.deal import _checked
from harness.errors import HarnessError
from harness.plan.plan import Trial
from harness.profiles.pprof import COMPRESSED
from harness.run.host import describe_host
from harness.run.records import TrialRecord
from harness.run.series import encode_series
from harness.session.job import Observed

TRIAL = Trial(workload="w", variant="v", round=1)
HOST = describe_host()
SERIES = encode_series([(0.0, 1)])


def checked(
    series: bytes | None = SERIES, profile: bytes | None = b"", **fields: object
) -> Observed:
    record = TrialRecord.model_validate(
        TRIAL.model_dump() | {"host": "other", "outcome": "ok"} | fields
    )
    return _checked((record.model_dump_json(), series, profile), TRIAL, HOST)


def test_a_trial_is_of_the_host_that_was_asked_and_names_no_files() -> None:
    observed = checked(series=SERIES, profile=b"p", log="a\nb")
    assert (observed.record.host, observed.record.series) == (HOST.id, None)
    assert (observed.series, observed.profile) == (SERIES, b"p")


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"round": 2}, "another trial"),
        ({"outcome": "not needed"}, "an outcome that no trial has"),
        ({"outcome": "exit 1\n::error::"}, "an outcome that no trial has"),
        ({"log": "a" * (8 << 20)}, "it is longer than 8 MiB"),
        ({"log": "," * 100_000}, "holds more than 100,000 values"),
        ({"accounts": {"end": {"live": 1 << 70}}}, "more than 63 bits"),
        ({"series": b"0" * (32 << 20) + b"0"}, "a larger file"),
        ({"series": b"0," * 2_000_000}, "a larger file"),
        ({"profile": bytes(COMPRESSED + 1)}, "a larger file"),
    ],
)
def test_what_could_not_be_read_again_is_refused(fields: dict[str, object], why: str) -> None:
    with pytest.raises(HarnessError, match=f"^it sent .*{re.escape(why)}"):
        checked(**fields)  # type: ignore[arg-type] # as they come


@pytest.mark.parametrize("result", [None, "text", ("{}", None, None), (b"\xff", None, None)])
def test_what_is_no_trial_is_refused(result: object) -> None:
    with pytest.raises(HarnessError, match="something that is no trial"):
        _checked(result, TRIAL, HOST)
