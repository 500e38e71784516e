"""The text of a first ``matrix.yaml``, with comments that say what to change. Pure functions."""

import json
import re
from collections.abc import Iterator
from typing import Any

from harness.init.budget import Scale, Workload, runnable
from harness.init.programs import Program, Server
from harness.init.survey import Benchmarks, Survey
from harness.init.versions import Versions
from harness.text.visible import visible_json

_MOST_METRICS = 5
_ALL = Scale()
_PLAIN = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+-]*")


def matrix_text(found: Survey, versions: Versions, scale: Scale = _ALL) -> str:
    """A whole matrix file."""
    parts = (
        _head(versions, scale), _question(versions, scale), _workloads(found, scale),
        _trials(found, scale),
    )  # fmt: skip
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts)


def remarks(found: Survey, versions: Versions, scale: Scale = _ALL) -> list[str]:
    """What to tell the user beside the file, one line each."""
    lines = [versions.remark] if versions.remark else []
    for program in found.programs:
        active = program in _chosen(found, scale)[0]
        if program.doubt:
            lines.append(f"{program.directory}: {_comment(program.doubt)}; it is left as a comment")
        elif program.server is not None and active:
            lines.append(f"{program.directory}: it is a server; check the load in its entry")
    lines += [
        f"{b.directory}: {_comment(b.doubt)}; they are left as a comment"
        for b in found.benchmarks
        if b.doubt
    ]
    if length := _length(scale):
        lines.append(length)
    if not _chosen(found, scale)[0]:
        lines.append("nothing runs as it is: give an entry of matrix.yaml what it needs")
    return lines


def _head(versions: Versions, scale: Scale) -> Iterator[str]:
    yield "# Written by gomatrix init; edit it as you like. docs/matrix.md explains the keys,"
    yield "# and gomatrix plan shows what a run would do."
    if versions.remark:
        yield f"# {_comment(versions.remark)}"
    if length := _length(scale):
        yield f"# {_comment(length[0].upper() + length[1:])}."
    if versions.baseline == versions.candidate:
        yield f"go: [{versions.baseline}] # the module already asks for the newest Go"
    else:
        origin = f"from go.mod's {versions.origin}"
        yield f"go: [{versions.baseline}, {versions.candidate}] # {origin}; the newest"
    if versions.baseline == versions.candidate and versions.settings:
        yield "experiments: # settings to cross with each Go; [] is a Go's own default"
        yield f"  - [{', '.join(versions.settings)}]"
        yield "  - []"


def _question(versions: Versions, scale: Scale) -> Iterator[str]:
    apart = versions.baseline != versions.candidate
    if apart or versions.settings:
        yield "question:"
        without = "" if apart else f"+{','.join(versions.settings)}"
        yield f"  baseline: {_scalar(f'{versions.baseline}{without}')}"
        yield f"  candidate: {versions.candidate}"
        suspects = "suspects: auto # all that differs is turned back in groups; see gomatrix plan"
        yield f"  {'' if scale.auto else '# '}{suspects}"
        yield "  # metrics: [rss.peak] # or ns/op, B/op and allocs/op of each benchmark, by default"


def metrics_of(found: Survey) -> list[str]:
    """One metric of each program or benchmark to follow: of programs ``rss.peak``."""
    active = _chosen(found, _ALL)[0]
    if any(isinstance(workload, Program) for workload in active):
        return ["rss.peak"]
    first = [(f, w) for w in active if isinstance(w, Benchmarks) for f in w.few]
    plain = [function for function, workload in first if function in workload.plain]
    return [f"{name} ns/op" for name in plain[:_MOST_METRICS]] or ["rss.peak"]


def _workloads(found: Survey, scale: Scale) -> Iterator[str]:
    active, passive = _chosen(found, scale)
    if active:
        yield "workloads:"
    else:
        yield "workloads: [] # nothing runs as it is: uncomment an entry, and give it what it needs"
    for workload in active:
        yield from (f"  {line}" for line in _entry(workload))
    if passive and active:
        yield "  # Uncomment to measure these too:"
    for workload in passive:
        first, *rest = _entry(workload)
        yield from (f"  # {line}" for line in (first, *_left_out(workload, scale), *rest))


def _left_out(workload: Workload, scale: Scale) -> Iterator[str]:
    """Why a workload that runs as it is, is not measured at first."""
    if workload.doubt is None:
        short = workload.name in scale.without
        yield f"  # it runs; left out to {'keep the run short' if short else 'begin with fewer'}"


def _chosen(found: Survey, scale: Scale) -> tuple[list[Workload], list[Workload]]:
    """What is measured at first, and what is left as a comment.

    What is in doubt is a comment.
    """
    active = runnable(found, scale)
    every: list[Workload] = [*found.programs, *found.benchmarks]
    return active, [workload for workload in every if workload not in active]


def _entry(workload: Workload) -> Iterator[str]:
    if isinstance(workload, Benchmarks):
        yield from _benchmark_entry(workload)
        return
    yield f"- name: {_scalar(workload.name)}"
    yield f"  package: {_scalar(workload.directory)}"
    if workload.doubt:
        yield f"  # {_comment(workload.doubt)}"
    if workload.files:
        yield f"  files: {_json(list(workload.files))} # copied to where each trial runs"
    if workload.server is not None:
        yield from _server_entry(workload.server)
    else:
        note = "what it needs" if workload.doubt else 'as ["-flag=value"]'
        args = _json(list(workload.args))
        places = "{tmp} is a directory for each trial, {here} this file's"
        yield f"  args: {args} # {note}; {places}"


def _server_entry(server: Server) -> Iterator[str]:
    port = server.port or "8080"
    base = f"http://127.0.0.1:{port}"
    if server.args:
        note = "" if server.fixed_port else " # {port} is a free port for each trial"
        yield f"  args: {_json(list(server.args))}{note}"
    if server.env:
        yield f"  env: {_json(server.env)} # {{port}} is a free port for each trial"
    if server.fixed_port:
        yield "  # its port is fixed, so trials.lanes is 1 below"
    ready = f"{base}{server.ready}" if server.ready else f"tcp://127.0.0.1:{port}"
    yield "  server: # run under load, with snapshots before, during and after"
    yield f"    ready: {_json(ready)}"
    if server.answers:
        yield "    load: # it answers this; use a request that matters"
    else:
        yield "    load: # a guess: use a request that matters, then lower max_failed to 1%"
    yield f"      url: {_json(f'{base}{server.path}')}"
    yield "      rate: 100 # requests a second"
    yield "      duration: 5s"
    if not server.answers:
        yield "      max_failed: 100%"


def _benchmark_entry(workload: Benchmarks) -> Iterator[str]:
    more = len(workload.functions) - len(workload.few)
    yield f"- name: {_scalar(workload.name)}"
    if workload.doubt:
        yield f"  # {_comment(workload.doubt)}"
    yield "  benchmark:"
    yield f"    package: {_scalar(workload.directory)}"
    yield f"    run: {_json(workload.pattern)}" + (f" # and {more} more" if more else "")
    yield "    time: 200ms"


def _trials(found: Survey, scale: Scale) -> Iterator[str]:
    active = _chosen(found, scale)[0]
    fixed = any(isinstance(w, Program) and w.has_fixed_port for w in active)
    lanes = ", lanes: 1" if fixed else ""
    yield "# Rounds go on until the question is decided or max is reached."
    yield f"trials: {{min: 5, max: {scale.rounds}, timeout: 60s{lanes}}}"
    yield ""
    yield "# To fail if memory grows, as in CI:"
    yield "# gates: [{metric: rss.peak, max_increase: 5%}]"


def _length(scale: Scale) -> str:
    if scale.seconds is None:
        return ""
    told = f"; {scale.told}" if scale.told else ""
    return (
        f"a run takes at most about {max(1, round(scale.seconds / 60))} min on this machine{told}"
    )


def _scalar(text: str) -> str:
    """A YAML scalar; JSON's strings are YAML's double-quoted ones."""
    return text if _PLAIN.fullmatch(text) else _json(text)


def _json(value: Any) -> str:
    """JSON that is YAML too, which knows no surrogates and no raw control characters."""
    return visible_json(json.dumps(value, ensure_ascii=False))


def _comment(text: str) -> str:
    """Text within a comment: one line, printable."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())
