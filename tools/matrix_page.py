"""``docs/matrix.md``, made from the models of ``harness/matrix/models/``."""

import re
import types
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from harness.matrix import models
from harness.matrix.models import (
    question,
    scalars,
    servers,
    sources,
    suspects,
    toolchains,
    trials,
    workloads,
)
from harness.models import Frozen, field_docs
from harness.text import units

_SECTIONS: dict[type[Frozen], str] = {
    models.MatrixSpec: "The file",
    models.ToolchainSpec: "A toolchain",
    models.BuildAxesSpec: "build",
    models.SourceSpec: "A source",
    models.IncludedCell: "include",
    models.CellSpec: "exclude",
    models.BuildPattern: "build of a cell",
    models.QuestionSpec: "question",
    models.MarginSpec: "margin",
    models.SuspectSpec: "suspects",
    models.WorkloadSpec: "A workload",
    models.BenchmarkSpec: "benchmark",
    models.InputSpec: "stdin",
    models.ServerSpec: "server",
    models.ReadySpec: "ready",
    models.LoadSpec: "load",
    models.RequestSpec: "requests",
    models.TrialsSpec: "trials",
    models.GateSpec: "gates",
}
"""Every mapping that a user may write, in the order of the page."""

_SHORT_FORMS = {
    units.parse_bytes: "a size, as `512MiB`",
    units.parse_seconds: "a duration, as `500ms`, `10s` or `2m`",
    units.parse_fraction: "a share, as `5%` or `0.05`",
    question.check_highest: "a value in the metric's unit, as `200MiB`, `500ms` or `10`",
    question.check_increase: "a share of the baseline, as `5%`, or an amount, as `5MiB` or `10`",
}
_ALSO = {
    toolchains.expand_toolchain: "a release, as `go1.24.3`, or ",
    sources.expand_source: "a commit, branch or tag, or ",
    question.expand_margin: "a share, as `5%`, also `3%, at least 1MiB`, or ",
    suspects.expand_suspect: "an experiment's name, `auto`, or ",
    servers.expand_ready: "a URL, or ",
    workloads.expand_input: "a text, or ",
    trials.expand_trials: "a number, or ",
}
_TELLING = 1_000_000
"""Limits beyond it only keep nonsense out."""
_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "`true` or `false`"}

_PAGE = """\
# matrix.yaml

Made from `harness/matrix/models/`; change it there. `gomatrix schema` prints the same as a JSON
Schema, for editors.

`gomatrix init` writes a first one.

Unknown keys, duplicate keys and wrong types are errors that name file, line and column. Scalars
stay as you typed them: `1.20`, `off` and `010` are not converted as in YAML 1.1. Paths are relative
to the matrix file; `~/` is your home directory. All texts must be on one line and printable, except
arguments, values of variables and bodies of requests.

Limits: a file has at most 256 KiB and 20,000 keys and values (aliases count in full), its axes make
at most 1,000 variants and 10,000 cells, and `trials.max` at most 50,000 trials in all. Larger ones
are refused at once, with the numbers and what to remove.

```yaml
go: [go1.23.9, go1.24.3]
experiments: [[], [noswissmap]]
question: {{baseline: go1.23.9, candidate: go1.24.3, metrics: [rss.peak]}}
workloads:
  - {{name: api, package: ./cmd/api, args: ["-selftest"]}}
trials: {{min: 5, max: 20}}
gates: [{{metric: rss.peak, max_increase: 5%}}]
```

## Names of variants

`TOOLCHAIN[~PATCH][+SETTING[,SETTING…]][ KEY=VALUE…]`, as `go1.24.3+noswissmap race=true GOGC=50`:
experiment settings in the toolchain's own order, then `build:`, `source:` and the variables of
`env:`. Values that are empty or hold spaces, `=`, quotes, backslashes or unprintable characters are
quoted as in JSON: `GODEBUG="madvdontneed=1"`. A variable with the name of a build setting gets the
prefix `env.`.

Where you name a variant, settings and pairs may come in any order, and only values with spaces need
quotes: `go1.24.3 GODEBUG=madvdontneed=1 race=true`.

{sections}"""


def markdown() -> str:
    """The page."""
    return _PAGE.format(sections="\n".join(_section(*item) for item in _SECTIONS.items()))


def _section(model: type[Frozen], title: str) -> str:
    intro = _plain(model.__doc__ or "")
    docs = field_docs(model)
    rows = [
        f"| `{field.alias or name}` | {_kind(field.annotation, field.metadata)} | "
        f"{_default(field)} | {_plain(docs.get(field.alias or name, ''))} |"
        for name, field in model.model_fields.items()
    ]
    head = ["| key | value | default | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {title}", "", intro, "", *head, *rows, ""])


def _kind(annotation: Any, metadata: list[Any]) -> str:
    """What may be written, in words."""
    short: list[Any] = [m.func for m in metadata if isinstance(m, BeforeValidator)]
    text = next((_SHORT_FORMS[f] for f in short if f in _SHORT_FORMS), None)
    if text is None:
        also = "".join(_ALSO.get(function, "") for function in short)
        text = also + _type(annotation, several=scalars.one_or_many in short)
    limits = [limit for m in metadata for limit in _limits(m)]
    return ", ".join([text, *limits])


def _type(annotation: Any, *, several: bool) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if hasattr(annotation, "__metadata__"):
        return _kind(inner[0], list(annotation.__metadata__))
    if origin in (Union, types.UnionType):
        return " or ".join(_kind(a, []) for a in inner if a is not type(None))
    if origin is Literal:
        return ", ".join(f"`{str(word).lower()}`" for word in inner)
    if origin is list:
        item = _kind(inner[0], [])
        return f"{item}; or a list" if several else f"a list; each: {item}"
    if origin is dict:
        return f"a mapping; each value: {_kind(inner[1], [])}"
    if annotation in _SECTIONS:
        title = _SECTIONS[annotation]
        return f"a mapping, see [{title}](#{title.lower().replace(' ', '-')})"
    return _WORDS[annotation]


def _limits(constraint: Any) -> Iterator[str]:
    match constraint:
        case Ge(ge=int(limit)) if limit > 0:
            yield f"at least {limit}"
        case Gt():
            yield "above 0"
        case Le(le=limit) if limit <= _TELLING:
            yield f"at most {limit:,}"
        case FieldInfo():
            for part in constraint.metadata:
                yield from _limits(part)


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "must be given"
    if isinstance(value, list):
        value = next(iter(value), None)  # of an axis: its one value
    if value in (None, "", [], {}) or isinstance(value, Frozen):
        return "–"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    short = [m.func for m in field.metadata if isinstance(m, BeforeValidator)]
    if units.parse_seconds in short:
        return f"`{value:g}s`"
    if units.parse_fraction in short:
        return f"`{100 * value:g}%`"
    return f"`{value}`"


def _plain(text: str) -> str:
    """A docstring as one paragraph of Markdown."""
    return re.sub(r"``([^`]*)``", r"`\1`", " ".join(text.split()))
