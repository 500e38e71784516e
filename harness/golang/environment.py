"""The environment of Go commands, without anything of the caller's that changes a result."""

import os
from collections.abc import Mapping
from pathlib import Path

from harness.matrix.models import BuildSpec

_PASSED = frozenset({
    *("PATH", "HOME", "USER", "XDG_CONFIG_HOME", "NETRC"),  # git, the C compiler, credentials
    *("GIT_ASKPASS", "GIT_CONFIG_GLOBAL", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSL_CAINFO"),
    *("GIT_TERMINAL_PROMPT", "SSH_AUTH_SOCK"),  # private modules
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR"),
})  # fmt: skip
"""Variables that Go commands inherit from the caller, besides Go's own below."""

_PASSED_GO = frozenset({
    *("GOPATH", "GOMODCACHE", "GOPROXY", "GONOPROXY", "GOSUMDB", "GONOSUMDB"),
    *("GOPRIVATE", "GOINSECURE", "GOVCS", "GOAUTH"),
})  # fmt: skip
"""Go's own variables that are inherited, also from the file of ``go env -w``: they say where
modules come from, never what is built."""

_GOGC = "400"
"""Of the go command, its compiler and linker, never of what they make: a cold build of a small
program takes 8.5 s of CPU and at most 350 MB a process with it, 9.7 s and 240 MB without (with 1000
8.3 s and 420 MB; go1.24.3, 2 cores)."""
_LEAST_LIMIT, _MOST_LIMIT = 1 << 30, 4 << 30
"""Bytes. With less, the linker of a large program would collect all the time; with more, it could
exceed what a container on a large machine has."""


def go_environment(
    goroot: Path,
    build_cache: Path,
    *,
    settings: tuple[str, ...] = (),
    build: BuildSpec | None = None,
    caller: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the whole environment for ``goroot``'s go command.

    The build cache must belong to this toolchain's content alone: the go command knows a release's
    compiler by its version only.
    """
    build = build or BuildSpec()
    passed = passed_environment(caller)
    chosen = {"GOAMD64": build.goamd64, "GOARM64": build.goarm64}
    return passed | {
        "PATH": f"{goroot / 'bin'}{os.pathsep}{passed.get('PATH', os.defpath)}",
        "GOROOT": str(goroot),
        "GOCACHE": str(build_cache),
        "GOTOOLCHAIN": "local",
        "GOENV": "off",
        "GOFLAGS": "",
        "GOEXPERIMENT": ",".join(settings),
        "GOTELEMETRY": "off",
        **rare_collection(),
        "CGO_ENABLED": "1" if build.needs_cgo else "0",
        "LC_ALL": "C",
        **{name: value for name, value in chosen.items() if value},
    }


def rare_collection() -> dict[str, str]:
    """Variables with which Go's tools spend less on collecting their garbage."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    share = memory // 4 // (os.cpu_count() or 1)  # as many tools as CPUs run at once
    return {"GOGC": _GOGC, "GOMEMLIMIT": str(min(max(share, _LEAST_LIMIT), _MOST_LIMIT))}


def passed_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """Return the inherited part of an environment and of the file that ``go env -w`` writes."""
    stored = {k: v for k, v in stored_environment(caller).items() if k in _PASSED_GO}
    own = {k: v for k, v in caller.items() if k in _PASSED or (k in _PASSED_GO and v)}
    return {"HOME": str(Path.home())} | stored | own


def stored_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """What ``go env -w`` has stored, in lines of ``KEY=VALUE`` (``go help environment``)."""
    configured = caller.get("GOENV")
    if configured == "off":
        return {}
    home = caller.get("XDG_CONFIG_HOME") or os.path.join(caller.get("HOME", ""), ".config")  # noqa: PTH118 - may be relative, then Go ignores it too
    path = Path(configured or Path(home, "go", "env"))
    if not path.is_absolute():
        return {}
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if not line.startswith("#"))
    return {key.strip(): value.strip() for key, sign, value in pairs if sign}
