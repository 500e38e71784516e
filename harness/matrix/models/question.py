"""``question:`` and ``gates:``: what the run is to answer."""

from collections.abc import Callable
from decimal import Decimal
from typing import Annotated, Any, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationInfo,
    model_validator,
)

from harness.matrix.models.scalars import (
    Fraction,
    Line,
    NonNegativeBytes,
    Value,
    check_line,
    one_or_many,
)
from harness.matrix.models.suspects import Suspects
from harness.metrics.catalogue import describe
from harness.models import Frozen
from harness.text.units import Increase, parse_amount, parse_increase, split_margin

VariantName = Annotated[str, StringConstraints(max_length=100_000), AfterValidator(check_line)]


class MarginSpec(Frozen):
    """Up to which size a change does not matter."""

    share: Fraction = 0.03
    """Ratios within 1 ± share count as equivalent."""
    at_least: NonNegativeBytes = 512 << 10
    """So do changes of memory that are shown to be within this amount, real or not. For sizes from
    the kernel and the runtime; not for files and benchmarks."""


def expand_margin(value: Any) -> Any:
    """Accept a share alone, or ``3%, at least 1MiB``."""
    if isinstance(value, int | float):
        return {"share": value}
    if not isinstance(value, str):
        return value
    share, least = split_margin(value)
    return {"share": share} if least is None else {"share": share, "at_least": least}


class QuestionSpec(Frozen):
    """What the run should answer."""

    baseline: VariantName | None = None
    """A variant's name. Default: the first toolchain's, without experiment settings and with the
    candidate's build settings and run environment."""
    candidate: VariantName | None = None
    """A variant's name. Default: the last other toolchain's, without experiment settings and with
    the baseline's build settings and run environment."""
    suspects: Annotated[Suspects, BeforeValidator(one_or_many)] | None = None
    """What may explain a change: experiments by name, other toggles as ``{godebug: a=1}``, or
    ``auto`` for all that differs. Default: the experiments that the matrix toggles."""
    metrics: Annotated[list[Value], Field(min_length=1, max_length=100)] | None = None
    """Primary metrics; all others are secondary. Default: ``rss.peak``; of benchmarks, each one's
    ns/op, B/op and allocs/op. In names of benchmarks' metrics, ``*`` stands for anything."""

    @property
    def program_metrics(self) -> list[str]:
        """Those of workloads that are programs."""
        return ["rss.peak"] if self.metrics is None else self.metrics

    margin: Annotated[MarginSpec, BeforeValidator(expand_margin)] = MarginSpec()
    """Up to which size a change counts as equivalent. Default: 3%, at least 512KiB."""
    limit: Annotated[Fraction, Field(le=0.5)] = 0.2
    """A suspect is ruled out if it is shown to explain less than this share of the change."""


def check_highest(value: Any, info: ValidationInfo) -> Any:
    """Check a value of the gate's own metric."""
    return _check_written(value, info, parse_amount)


def check_increase(value: Any, info: ValidationInfo) -> Any:
    """Check a share or an amount of the gate's own metric."""
    return _check_written(value, info, parse_increase)


def _check_written(value: Any, info: ValidationInfo, parse: Callable[[str, str], object]) -> Any:
    """Check a number with or without a unit; it stays as it was written."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = f"{Decimal(str(value)):f}"
    if isinstance(value, str) and "metric" in info.data:  # which has no error of its own
        metric = info.data["metric"]
        described = describe(metric)
        if described.source == "unknown":  # it is refused once all names are known
            return value
        try:
            parse(value, described.unit)
        except ValueError as error:
            raise ValueError(f"{info.field_name} of {metric}: {error}") from None
    return value


class GateSpec(Frozen):
    """A limit on the candidate, alone or against the baseline.

    If both limits are given, both must hold.
    """

    metric: Value
    """A metric's name. In that of a benchmark's metric ``*`` stands for anything: ``* B/op``."""
    max: Annotated[str, BeforeValidator(check_highest)] | None = None
    """The run fails if the whole interval of the candidate's value is above this."""
    max_increase: Annotated[str, BeforeValidator(check_increase)] | None = None
    """The run fails if the whole interval of the increase is above this. A plain number is an
    amount, but a share for metrics in bytes or seconds. A share of a zero baseline is zero."""
    strict: bool = False
    """Whether the run also fails where the interval includes the limit, so that it is undecided;
    up to ``trials.max``, rounds go on to decide it."""
    workload: Line | None = None
    """The workload to check. Default: all."""
    baseline: VariantName | None = None
    """A variant's name. Default: the question's, with the build settings and run environment of the
    other variant if that is named here."""
    candidate: VariantName | None = None
    """A variant's name. Default: the question's, with the build settings and run environment of the
    other variant if that is named here."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> Self:
        if self.max is None and self.max_increase is None:
            raise ValueError("a gate needs a limit: max_increase: 5%, or max: 200MiB")
        return self

    @property
    def highest(self) -> float | None:
        """``max`` in the metric's unit."""
        return None if self.max is None else parse_amount(self.max, describe(self.metric).unit)

    @property
    def increase(self) -> Increase | None:
        """``max_increase``, read."""
        if self.max_increase is None:
            return None
        return parse_increase(self.max_increase, describe(self.metric).unit)
