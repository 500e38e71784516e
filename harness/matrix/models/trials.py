"""``trials:``: how often, and within which limits."""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from harness.matrix.models.scalars import Bytes, Seconds
from harness.models import Frozen


class TrialsSpec(Frozen):
    """How often and within which limits each variant runs."""

    min: Annotated[int, Field(ge=1, le=1_000_000)] = 5
    """Fewest rounds before the run may stop."""
    max: Annotated[int, Field(ge=1, le=1_000_000)] = 10
    """Most rounds."""
    cpus: Annotated[int, Field(ge=1, le=10_000)] = 1
    """CPUs that each trial is pinned to; also its ``GOMAXPROCS``."""
    lanes: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Most trials at a time. Default: as many as there are CPUs for."""
    timeout: Seconds = 60.0
    """Longest time of a trial; a server's phases come on top."""
    sample_every: Annotated[Seconds, Field(ge=0.001, le=1)] = 0.010
    """Time between samples of resident memory."""
    memory_limit: Bytes | None = None
    """Most memory that a trial's processes may hold together. Also reserved for the trial until
    its first peak is known."""
    seed: Annotated[int, Field(ge=-(1 << 63), lt=1 << 63)] | None = None
    """Seed of the order of trials within rounds. Default: a new one for each run."""

    def processors(self, environment: Mapping[str, str]) -> int:
        """``GOMAXPROCS`` of a trial with these variables: theirs, or that of the CPUs."""
        text = environment.get("GOMAXPROCS", "")
        return int(text) if text.isdecimal() and int(text) else self.cpus

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.max < self.min:
            raise ValueError(f"max ({self.max}) is below min ({self.min})")
        return self


def expand_trials(value: Any) -> Any:
    """Accept a number of rounds alone."""
    return {"min": value, "max": value} if isinstance(value, str | int) else value
