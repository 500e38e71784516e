"""``question.suspects``: what may explain a change, and how it is turned back."""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, StringConstraints, model_validator

from harness.matrix.models.builds import BuildPattern
from harness.matrix.models.scalars import LocalPath, Setting, Value

Assignment = Annotated[Value, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*=")]


def expand_suspect(value: Any) -> Any:
    """Accept an experiment's name alone, or ``auto``."""
    if isinstance(value, str):
        return {"auto": True} if value == "auto" else {"experiment": value}
    return value


class SuspectSpec(BuildPattern):
    """One thing that can be turned back in the candidate; exactly one key."""

    auto: Literal[True] | None = None
    """Everything that differs between baseline and candidate and can be turned back."""
    experiment: Setting | None = None
    """An experiment by its name: it is turned the other way."""
    godebug: Assignment | None = None
    """A GODEBUG setting with the value that turns it back, as ``asynctimerchan=1``."""
    env: Assignment | None = None
    """A variable of the run environment with the value that turns it back, as ``GOGC=50``; an
    empty value means not set."""
    patch: LocalPath | None = None
    """The path of a unified diff against the GOROOT."""

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        given = [key for key, value in self if value is not None]
        if len(given) != 1:
            raise ValueError(
                "a suspect has exactly one key, as {godebug: asynctimerchan=1}"
                + (f", and not {' and '.join(given)}" if given else "")
            )
        return self


Suspect = Annotated[SuspectSpec, BeforeValidator(expand_suspect)]
Suspects = Annotated[list[Suspect], Field(max_length=200)]
