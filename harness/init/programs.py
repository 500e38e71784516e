"""Guess from a program's source whether it serves, on which port, and whether it needs arguments.

``harness.init.smoke`` tries each guess.
"""

import re
from collections.abc import Iterator, Sequence

from harness.models import Frozen

_SERVE = re.compile(
    r"\.ListenAndServe(?:TLS)?\(|\bhttp\.Serve(?:TLS)?\(|\.Serve\(|"
    r"\.(?:Run|Start|Listen)\(\s*\"[\w.]*:\d+\""
)
_BACKGROUND = re.compile(r"\bgo\s+(?:func\s*\([^)]*\)\s*\{[^}]*|[\w.]*)$")
_WAITS = re.compile(r"\bsignal\.Notify(?:Context)?\(|\bselect\s*\{\s*\}")
_FLAG = re.compile(
    r"\.(?:String|Int|Uint|Uint16)(?:Var)?P?\(\s*(?:&?[\w.]+\s*,\s*)?\"([\w.-]+)\"\s*,\s*"
    r"(?:\"\w\"\s*,\s*)?(?:\"([^\"]*)\"|(\d+))"
)
_ENVIRONMENT = re.compile(r"\bos\.(?:Getenv|LookupEnv)\(\s*\"(\w+)\"\s*\)")
_ADDRESS_WORD = re.compile(r"addr|listen|bind|port|http", re.IGNORECASE)
_ADDRESS = re.compile(r"[\w.\-\[\]]*:\d+")
_FIXED = re.compile(
    r"(?:ListenAndServe(?:TLS)?\(|\bnet\.Listen\(\s*\"tcp[46]?\"\s*,|\bAddr:|"
    r"\.(?:Run|Start|Listen)\()\s*\"[\w.\-\[\]]*:([1-9]\d*)\""
)
_ROUTE = re.compile(r"\.(?:HandleFunc|Handle|GET|Get)\(\s*\"(?:GET )?(/[^\"{}:*\s]*)\"")
_HEALTH = re.compile(r"/(?:[\w/]*/)?(?:healthz?|readyz?|livez|ping|status|up)/?")
_ARGUMENTS = re.compile(
    r"\blen\(os\.Args\)\s*[<!=]|\bos\.Args\[1\]|\bflag\.NArg\(\)\s*[<!=]|\bflag\.Arg\(0\)|"
    r"\bflag\.Args\(\)\[0\]|\"[Uu]sage:"
)


class Server(Frozen):
    """How a program that serves may be served."""

    args: tuple[str, ...] = ()
    env: dict[str, str] = {}
    fixed_port: str | None = None
    """The port it always listens on, where no flag and no variable chooses one."""
    ready: str | None = None
    """Path that a request for health goes to."""
    path: str = "/"
    """Path that the load asks for."""
    answers: bool = False
    """Whether a request for that path was seen to be answered well."""

    @property
    def port(self) -> str | None:
        """What stands for the port in a URL; ``None`` if none was found."""
        return self.fixed_port or ("{port}" if self.args or self.env else None)


class Program(Frozen):
    """A main package."""

    name: str
    directory: str
    """Relative to the matrix file, as ``./cmd/orders``."""
    server: Server | None = None
    args: tuple[str, ...] = ()
    """With which it was seen to do its work, where it does not serve."""
    files: tuple[str, ...] = ()
    """What it was seen to need in its directory, relative to the matrix file."""
    needs_arguments: bool = False
    endless: bool = False
    """Whether it seems to wait until it is stopped, though it does not serve."""
    reason: str | None = None
    """Why it does not run as it is, where it was tried."""
    failed: bool = False
    """Whether it ended with an error, where it was tried."""
    idle: bool = False
    """Whether it ended well, but at once, where it was tried."""
    build: float | None = None
    """Seconds that its build took with the newest Go, where it was tried."""
    trial: float | None = None
    """Seconds of one trial; ``None`` where it had not ended, or was not tried."""

    @property
    def has_fixed_port(self) -> bool:
        """Whether two of its trials cannot run at once."""
        return self.server is not None and self.server.fixed_port is not None

    @property
    def doubt(self) -> str | None:
        """Why it may not run as it is."""
        if self.reason is not None:
            return self.reason
        if self.server is not None and self.server.port is None:
            return "it seems to be a server, but its port was not found"
        if self.needs_arguments:
            return "it seems to need arguments"
        if self.endless:
            return "it seems to run until it is stopped, but is no server"
        return None


def look_at_program(
    name: str, directory: str, own: Sequence[str], reachable: Sequence[str]
) -> Program:
    """Guess how a program is run.

    ``own`` holds its files' text without comments, ``reachable`` that of the packages of the same
    modules that it imports.
    """
    serves, waits = _serves([*own, *reachable])
    return Program(
        name=name, directory=directory, server=_server([*own, *reachable]) if serves else None,
        needs_arguments=any(map(_ARGUMENTS.search, own)), endless=waits and not serves,
    )  # fmt: skip


def _serves(texts: Sequence[str]) -> tuple[bool, bool]:
    """Whether a program serves until it is stopped, and whether it waits for a signal."""
    calls = [
        _BACKGROUND.search(text[: match.start()]) is None
        for text in texts
        for match in _SERVE.finditer(text)
    ]
    waits = any(_WAITS.search(text) for text in texts)
    return any(calls) or (bool(calls) and waits), waits


def _server(files: Sequence[str]) -> Server:
    routes = list(dict.fromkeys(r for f in files for r in _ROUTE.findall(f)))
    health = next((route for route in routes if _HEALTH.fullmatch(route)), None)
    loads = [r for r in routes if r != health and not r.startswith("/debug")]
    found = {"ready": health, "path": next(iter(loads), health or "/")}
    for argument in _arguments(files):
        return Server(args=(argument,), **found)
    for variable, value in _variables(files):
        return Server(env={variable: value}, **found)
    fixed = next((match[1] for f in files for match in _FIXED.finditer(f)), None)
    return Server(fixed_port=fixed, **found)


def _arguments(files: Sequence[str]) -> Iterator[str]:
    """Flags that say where to listen, as arguments."""
    for file in files:
        dashes = "-" if '"flag"' in file else "--"
        for name, text, number in _FLAG.findall(file):
            if not _ADDRESS_WORD.search(name):
                continue
            if number or text.isdigit():
                yield f"{dashes}{name}={{port}}"
            elif _ADDRESS.fullmatch(text):
                yield f"{dashes}{name}=127.0.0.1:{{port}}"


def _variables(files: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Environment variables that say where to listen."""
    for file in files:
        for name in _ENVIRONMENT.findall(file):
            if name.upper().endswith("PORT"):
                yield name, "{port}"
            elif _ADDRESS_WORD.search(name) and not name.upper().startswith("HTTP"):
                yield name, "127.0.0.1:{port}"
