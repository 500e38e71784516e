"""What a program that was tried once shows: how to run it, or why it cannot be run as it is.

Pure functions.
"""

import re
from collections.abc import Sequence
from itertools import chain, pairwise
from pathlib import Path

from harness.init.observe import Seen
from harness.init.programs import Program, Server
from harness.models import Frozen

_CPU = 0.02
_PEAK = 12 << 20
"""Seconds, and bytes: a program that takes less of both has done nothing worth a comparison."""
_LONG = 0.1
"""Part of a program's time that it computes, for it not to be waiting."""
_UNKNOWN = re.compile(
    r"flag provided but not defined|unknown (?:\w+ )?(?:flag|option|argument)|"
    r"unrecognized (?:\w+ )?(?:flag|option|argument)|no such flag|invalid (?:flag|option)",
    re.IGNORECASE,
)
_MISSING = re.compile(r"\bopen ([^\s:]+): no such file or directory")
"""What the ``os`` package says of a file that is not there."""
_USAGE = re.compile(
    r"^\s*(?:usage|available commands|commands)\b.*(?:(?<=:)\n\s*\S.*)?",
    re.IGNORECASE | re.MULTILINE,
)
_SERVING = ("serve", "server", "run", "start", "daemon", "up")
"""Commands of programs that do their work only when told to, the most telling first."""
_HTTP_ERROR = 400
_AT_ONCE = "it ended at once, without work"
_ONLY_TELLS = "it only tells how to use it"
_ELSEWHERE = (
    "; it runs in an empty directory: name files as {here}/FILE, or list them under files: in a "
    "matrix.yaml"
)


class Attempt(Frozen):
    """How to try a program."""

    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    files: tuple[str, ...] = ()
    """What it finds in its directory, relative to the matrix file."""


def first_attempt(program: Program) -> Attempt:
    """As its source says, or whoever asked for it."""
    if program.server is None:
        return Attempt(args=program.args)
    return Attempt(args=program.server.args, env=program.server.env)


def next_attempt(seen: Seen, tried: Sequence[Attempt]) -> Attempt | None:
    """Another way to run a program that ended; ``None`` if there is no clue."""
    last = tried[-1]
    if seen.ports or seen.exit is None:
        return None
    if seen.exit and (last.args or last.env) and _UNKNOWN.search(seen.log):
        return _untried(Attempt(), tried)
    for word in _SERVING:
        if _USAGE.search(seen.log) and re.search(rf"^\s+{word}\b", seen.log, re.MULTILINE):
            if found := _untried(Attempt(args=(word, *last.args)), tried):
                return found
            return _untried(Attempt(args=(word,)), tried)
    return None


def wanted(seen: Seen, attempt: Attempt) -> list[str]:
    """What a program may have missed in its directory, which was empty.

    That is what it says that it could not open, and if it failed each argument and value of a flag;
    of a path its first part. What has a place of its own (``/etc/hosts``, ``../data``) is not among
    them.
    """
    words = attempt.args if seen.exit else ()
    said = [*_MISSING.findall(seen.log), *(word.rpartition("=")[2] for word in words)]
    first = [Path(name).parts[:1] for name in said if not name.startswith(("-", "~"))]
    return list(dict.fromkeys(part[0] for part in first if part and part[0] not in ("/", "..")))


def conclude(program: Program, attempt: Attempt, seen: Seen, port: int) -> Program:
    """The program as it is to be run; ``port`` stood for ``{port}`` in the attempt."""
    if seen.ports:
        return _served(program, attempt, seen, port)
    reason = _reason(seen)
    tried = {"server": None, "args": attempt.args, "endless": False}
    learnt = {"reason": reason, "files": attempt.files, "failed": bool(seen.exit)}
    learnt["idle"] = reason is not None and reason.startswith(_AT_ONCE)
    learnt["needs_arguments"] = reason is not None and reason.startswith(_ONLY_TELLS)
    return program.model_copy(update=tried | learnt)


def paths_of(program: Program) -> tuple[str, ...]:
    """What to ask a server for."""
    server = program.server or Server()
    return tuple(p for p in dict.fromkeys((server.ready, server.path, "/")) if p)


def telling_line(log: str) -> str:
    """The line of a program's output that says most: why it crashed or failed, or else its last."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    crashes = (line for line in lines if line.startswith(("panic:", "fatal error:")))
    failures = (after for line, after in pairwise(lines) if line.startswith("--- FAIL"))
    return next(chain(crashes, failures), lines[-1] if lines else "")


def _untried(attempt: Attempt, tried: Sequence[Attempt]) -> Attempt | None:
    return None if attempt in tried else attempt


def _served(program: Program, attempt: Attempt, seen: Seen, port: int) -> Program:
    guess = program.server or Server()
    good = [path for path, status in seen.answers.items() if status < _HTTP_ERROR]
    ready = guess.ready if guess.ready in good else None
    path = guess.path if guess.path in good else next(iter(good), guess.path)
    own = port in seen.ports
    server = Server(
        args=attempt.args, env=attempt.env, ready=ready, path=path,
        fixed_port=None if own else str(seen.ports[0]), answers=bool(good),
    )  # fmt: skip
    tried = {"server": server, "needs_arguments": False, "endless": False, "reason": None}
    return program.model_copy(update=tried | {"files": attempt.files})


def _reason(seen: Seen) -> str | None:
    """Why a program that does not listen cannot be measured as it was run."""
    last = telling_line(seen.log)
    told = f": {last[:120]}" if last else ""
    usage = _USAGE.search(seen.log)
    if seen.exit is None and seen.cpu >= _LONG * seen.seconds:
        return None
    if seen.reads_input:
        return (
            "it reads its standard input; write stdin: with a text or {file: PATH} in its entry of "
            "a matrix.yaml"
        )
    if seen.exit is None:
        return (
            f"it did not end in {seen.seconds:.0f} s, did little meanwhile and is no server{told}; "
            "if it ends by itself, name it in a matrix.yaml"
        )
    unknown = seen.exit and next((s for s in seen.log.splitlines() if _UNKNOWN.search(s)), None)
    if unknown:
        return f"it ended with status {seen.exit}: {unknown.strip()[:120]}"
    idle = seen.cpu < _CPU and seen.peak < _PEAK
    if usage and (seen.exit or seen.cpu < _CPU):
        words = " ".join(usage[0].split())[:120]
        return f"{_ONLY_TELLS} ({words}); give it arguments"
    if seen.exit:
        how = "a signal ended it" if seen.exit < 0 else f"it ended with status {seen.exit}"
        return f"{how}{told}{_ELSEWHERE if _MISSING.search(seen.log) else ''}"
    if idle:
        return f"{_AT_ONCE} ({1e3 * seen.cpu:.0f} ms of CPU){told}"
    return None
