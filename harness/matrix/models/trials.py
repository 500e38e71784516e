"""``trials:``: how often, and within which limits."""

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from harness.matrix.models.scalars import Bytes, Seconds
from harness.models import Frozen


class TrialsSpec(Frozen):
    """How often and within which limits each variant runs."""

    min: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """Rounds before the question may count as decided."""
    max: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Rounds after which the run ends in any case."""
    cpus: Annotated[int, Field(ge=1, le=10_000)] = 1
    """CPUs of a trial, which is pinned to them; also its ``GOMAXPROCS``."""
    lanes: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Trials at a time at most; by default as many as there are CPUs for."""
    timeout: Seconds = 60.0
    """A trial that takes longer is ended; a server's phases come on top."""
    sample_every: Annotated[Seconds, Field(ge=0.001, le=1)] = 0.010
    """Time between two samples of a trial's resident memory."""
    memory_limit: Bytes | None = None
    """A trial whose processes together hold more is ended; also what is set aside for it
    before its first peak is known."""
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    """For the order of trials within rounds; by default a new one for each run."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self


def expand_trials(value: Any) -> Any:
    """Accept a number of rounds alone."""
    return {"min": value, "max": value} if isinstance(value, str | int) else value
