"""Load ``matrix.yaml``: from a file to a ``MatrixSpec``; every error names line and column."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from harness.matrix.document import Document, Location, SpecError, shortened
from harness.matrix.mistakes import explain
from harness.matrix.models import MatrixSpec
from harness.text.suggestions import did_you_mean

_VARIANTS = 1_000
"""Most variants."""
_CELLS = 10_000
"""Most variants times workloads, before ``exclude``."""
_MATCHES = 1_000_000
"""Most cells times patterns of ``exclude``."""


class Matrix(NamedTuple):
    """A matrix file, read and checked against the models."""

    document: Document
    spec: MatrixSpec

    @property
    def path(self) -> Path:
        """The file."""
        return self.document.path

    @property
    def text(self) -> str:
        """What is in the file."""
        return self.document.text

    @property
    def name(self) -> str:
        """The name of its runs: its own, or its directory's for a plain ``matrix.yaml``."""
        stem = self.path.name.removesuffix(".yaml").removesuffix(".yml").removesuffix(".matrix")
        here = self.path.resolve().parent.name
        return self.spec.name or shortened(here if stem == "matrix" else stem, 100)

    def error(self, location: Location, message: str) -> SpecError:
        """Return an error about one place of the file, for the caller to raise."""
        return self.document.error(location, message)


def load(path: Path) -> Matrix:
    """Read a matrix file.

    Raises:
        SpecError: the file is not YAML, or not a matrix: one line for each mistake.
        HarnessError: the file cannot be read.
    """
    return _checked(Document.read(path))


def parse(path: Path, text: str) -> Matrix:
    """Read a text as the matrix file of that path, which need not exist; errors as of ``load``."""
    return _checked(Document.of(path, text))


def _checked(document: Document) -> Matrix:
    try:
        spec = MatrixSpec.model_validate(document.data())
    except ValidationError as error:
        raise SpecError(explain(document, error)) from None
    matrix = Matrix(document, spec)
    _check_names(matrix)
    _check_size(matrix)
    return matrix


def _check_names(matrix: Matrix) -> None:
    """Check unique names and references between parts of the file."""
    spec = matrix.spec
    workloads = [w.name for w in spec.workloads]
    for key, names in (("workloads", workloads), ("go", [t.name for t in spec.go])):
        _refuse_second(matrix, (key,), names, "named twice; each needs its own name")
    sets = [f"[{', '.join(sorted(settings))}]" for settings in spec.experiments]
    axes: dict[Location, Sequence[object]] = {("experiments",): sets}
    axes |= {("env", key): values for key, values in spec.env.items()}
    axes |= {("build", key): values for key, values in spec.build.axes().items()}
    axes |= {("source",): [source.text for source in spec.source]}
    for location, values in axes.items():
        _refuse_second(matrix, location, values, "listed twice; take one of them away")
    for section in ("exclude", "gates"):
        for index, entry in enumerate(getattr(spec, section)):
            if entry.workload is not None and entry.workload not in workloads:
                hint = did_you_mean(entry.workload, workloads)
                message = f"there is no workload {entry.workload!r}{hint}"
                raise matrix.error((section, index, "workload"), message)


def _refuse_second(
    matrix: Matrix, location: Location, entries: Sequence[object], message: str
) -> None:
    seen: set[object] = set()
    for index, entry in enumerate(entries):
        if entry in seen:
            raise matrix.error((*location, index), f"{_written(entry)!r} is {message}")
        seen.add(entry)


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_size(matrix: Matrix) -> None:
    """Refuse a product of axes that is too large to hold in memory or to measure."""
    spec = matrix.spec
    builds: dict[Location, int] = {
        ("build", key): len(values) for key, values in spec.build.axes().items()
    }
    builds |= {("source",): max(1, len(spec.source))}
    axes: dict[Location, int] = {
        ("go",): len(spec.go),
        ("experiments",): len(spec.experiments),
        **builds,
        **{("env", key): len(values) for key, values in spec.env.items()},
    }
    variants = math.prod(axes.values()) + len(spec.include) * math.prod(builds.values())
    largest = max(axes, key=lambda location: axes[location])
    cells = variants * len(spec.workloads)
    factors = " × ".join(f"{n} {'.'.join(map(str, key))}" for key, n in axes.items() if n > 1)
    for number, most, location, what in (
        (variants, _VARIANTS, largest, f"variants: {factors}"),
        (cells, _CELLS, ("workloads",), "variants of workloads, before exclude:"),
        (cells * len(spec.exclude), _MATCHES, ("exclude",), "comparisons of cells with patterns"),
    ):
        if number > most:
            raise matrix.error(
                location,
                f"these make {number:,} {what}; at most {most:,} are taken. Take values or axes "
                "away, list the few that matter under include:, or measure in several runs",
            )
