"""An explanation as Markdown for an issue tracker: what a maintainer of Go asks for.

Paths of this machine are left out, and so are the values of arguments that look like secrets.
"""

import os
import re
import shlex
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.bisect.record import Stage
from harness.explain.record import Explanation, Request
from harness.explain.story import cost, parts, rows, title
from harness.matrix.models import WorkloadSpec
from harness.report.markdown import code, plain, span
from harness.report.wording import sentence
from harness.run.records import Manifest
from harness.text.words import amount, listed

_PATCH_LINES = 400
"""Lines of a patch that are shown; the file has all."""
_SECRET = re.compile(r"token|secret|passw|passphrase|credential|key|private|auth", re.IGNORECASE)
_NAMED = re.compile(r"(.*?)(=|:\s)", re.DOTALL)
"""The name of a value in an argument, as in ``-token=x`` or ``Authorization: x``."""
_LOGIN = re.compile(r"(://)[^/@\s]+@")
"""Name and password in a URL."""
_ABSOLUTE = re.compile(r"(?<![\w.:/~-])(~|/[\w.@+~-]+)(?:/[\w.@+~-]+)+/?")
"""What may be a path from the root of a file system, or of a home directory."""
_EVERYWHERE = ("/dev/null", "/dev/stdin", "/dev/stdout", "/dev/stderr")


def render_issue(known: Explanation, manifest: Manifest) -> str:
    """The whole text."""
    request = known.request
    blocks = [
        f"## {plain(without_places(_title(known)))}",
        plain(without_places(sentence(known.headline))),
        *_unfinished(known),
        "### What was measured",
        "\n".join(f"- {line}" for line in _conditions(known, manifest)),
        *(["### What changed", _table(known)] if known.changes else []),
        _listed(f"{w.workload}: {w.sentence}" for w in known.where),
    ]
    for part in parts(known):
        blocks += [f"### {part.title}", _listed(map(sentence, part.sentences))]
        blocks.append(_declarations(part.stage))
        for name, text in _patches(part.stage):
            blocks += [f"`{name}`:", _fenced(text, "diff")]
    blocks += ["### Again", _fenced(shlex.join(_public(command_of(request))), "sh")]
    return "\n\n".join(block for block in blocks if block) + "\n"


def command_of(request: Request) -> list[str]:
    """The command that repeats an explanation, in the same order."""
    own = [] if request.subject == "matrix.yaml" else [request.subject]
    words = ["gomatrix", "explain", *own]
    if request.commits is None:
        words += ["--from", request.older, "--to", request.newer]
    else:
        go = request.older.partition(" source=")[0]
        words += ["--to", go, "--from-ref", request.commits[0], "--to-ref", request.commits[1]]
    for flag, value in (("--workload", request.workload), ("--metric", request.metric),
                        ("--repo", request.repository)):  # fmt: skip
        words += [flag, value] if value is not None else []
    words += ["--smallest", f"{request.smallest * 100:g}%", "--seed", str(request.seed)]
    return [*words, "--", *request.args] if request.args else words


def without_places(text: str) -> str:
    """A text without paths from this machine's root: of each the last part is left."""
    return _ABSOLUTE.sub(_last_part, text)


def _last_part(match: re.Match[str]) -> str:
    """The end of a path, or all of what is no place of this machine's alone.

    That is what only looks like a path, as ``/memory/classes/total:bytes``, and ``/dev/null``.
    """
    # Path.exists raises an error where a name is too long, as in encoded data
    if match[0] not in _EVERYWHERE and (match[1] == "~" or os.path.exists(match[1])):  # noqa: PTH110 - as said
        return f"…/{Path(match[0]).name}"
    return match[0]


def without_secrets(words: Sequence[str]) -> list[str]:
    """Arguments without the values of those whose names look like those of secrets."""
    shown: list[str] = []
    hide = False
    for word in words:
        named = _NAMED.match(word)
        name, mark = named.groups() if named else (word, "")
        if hide and not word.startswith("-"):
            shown.append("…")
            hide = False
            continue
        secret = bool(_SECRET.search(name))
        hide = secret and not mark and word.startswith("-")
        shown.append(f"{name}{mark}…" if secret and mark else _LOGIN.sub(r"\1…@", word))
    return shown


def _public(words: Sequence[str]) -> list[str]:
    return [without_places(word) for word in without_secrets(words)]


def _title(known: Explanation) -> str:
    request = known.request
    return f"{title(known)}: {request.older} to {request.newer}"


def _unfinished(known: Explanation) -> Iterator[str]:
    if not known.finished:
        why = "The time budget ended the search" if known.out_of_time else "It was interrupted"
        yield f"{why} while {plain(known.doing)}; what follows is what was known by then."


def _conditions(known: Explanation, manifest: Manifest) -> Iterator[str]:
    names = {cause.workload for cause in known.causes} or {c.workload for c in known.changes}
    for workload in manifest.matrix.workloads:
        if not names or workload.name in names:
            yield f"program {plain(workload.name)}: {_program(workload, manifest)}"
    sides = {re.split("[+ ]", end)[0] for end in (known.request.older, known.request.newer)}
    for record in manifest.toolchains:
        if record.name in sides:
            version = "" if record.version == record.name else f": {record.version}"
            yield plain(f"{record.name}{version} ({record.provider})")
    host = manifest.host
    pages = re.search(r"\[(\w+)\]", host.transparent_hugepages)
    machine = [host.cpu, f"{host.cpus} CPUs", amount(host.memory, "bytes"),
               f"Linux {host.kernel} {host.machine}".rstrip()]  # fmt: skip
    machine += [f"transparent huge pages: {pages[1]}"] if pages else []
    yield plain(", ".join(machine))
    cpus, probe = manifest.matrix.trials.cpus, manifest.matrix.probe
    added = f"what is added to each program reads the runtime's metrics at its end (probe: {probe})"
    yield (
        f"measured by gomatrix {plain(manifest.harness)}: {cost(known)}, in shuffled rounds that "
        f"hold both versions; GOMAXPROCS={cpus}; "
        + ("nothing is added to the program" if probe == "off" else added)
    )


def _program(workload: WorkloadSpec, manifest: Manifest) -> str:
    module = manifest.module_of(workload.name)
    args = shlex.join(_public(workload.args))
    if workload.module is not None:
        return span(f"go run {workload.module} {args}".rstrip())
    if workload.benchmark is not None:
        bench = workload.benchmark
        what = f"benchmarks {span(bench.run)} in {span(bench.package)} of {span(module)}"
    else:
        place = span(without_places(str(workload.package)))
        what = f"package {place} of {span(module) or 'no module'}"
    what += f", run with {span(args)}" if args else ""
    if workload.server is None:
        return what
    load = " ".join(_public(workload.server.load.told.split()))
    return f"{what}, under a load of {plain(load)}"


def _table(known: Explanation) -> str:
    lines = ["| Workload | Metric | Before | After | Change | 95 % interval | Rounds | |",
             "|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for row in rows(known):
        cells = (plain(row.workload), code(row.metric), row.before, row.after, row.change,
                 row.interval, str(row.rounds), row.decision)  # fmt: skip
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _listed(texts: Iterable[str]) -> str:
    return "\n".join(f"- {plain(without_places(text))}" for text in texts)


def _declarations(stage: Stage | None) -> str:
    """The names of declarations, where the answer is only how many they are."""
    if stage is None or all(name.rpartition(".")[2] in stage.answer for name in stage.functions):
        return ""
    return f"They are {listed([span(name) for name in stage.functions])}."


def _patches(stage: Stage | None) -> Iterator[tuple[str, str]]:
    if stage is not None and stage.patch:
        yield "culprit.diff", stage.patch
    if stage is not None and stage.remedy:
        yield "remedy.diff", stage.remedy


def _fenced(text: str, language: str) -> str:
    lines = text.splitlines()
    if len(lines) > _PATCH_LINES:
        lines = [*lines[:_PATCH_LINES], f"… {len(lines) - _PATCH_LINES} more lines"]
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}{language}", *lines, fence])
