"""The environment of Go commands, without anything of the caller's that changes a result."""

import os
from collections.abc import Mapping
from pathlib import Path

from harness.matrix.models import BuildSpec

PASSED = {
    "HOME": "netrc and version-control credentials",
    "XDG_CONFIG_HOME": "version-control settings",
    "PATH": "git, and the C compiler where cgo is on",
    "USER": "version-control tools",
    "SSH_AUTH_SOCK": "private modules by ssh",
    "GIT_ASKPASS": "private modules by https",
    "GIT_CONFIG_GLOBAL": "version-control settings",
    "GIT_SSH": "private modules by ssh",
    "GIT_SSH_COMMAND": "private modules by ssh",
    "GIT_SSL_CAINFO": "certificates of private modules",
    "GIT_TERMINAL_PROMPT": "version control must not ask where nobody answers",
    "NETRC": "credentials for private modules",
    "HTTP_PROXY": "network proxy",
    "HTTPS_PROXY": "network proxy",
    "NO_PROXY": "network proxy",
    "ALL_PROXY": "network proxy",
    "http_proxy": "network proxy",
    "https_proxy": "network proxy",
    "no_proxy": "network proxy",
    "all_proxy": "network proxy",
    "SSL_CERT_FILE": "certificates",
    "SSL_CERT_DIR": "certificates",
}
"""Variables that pass from the caller to Go commands, each with its reason."""

PASSED_GO = {
    "GOPATH": "where the module cache is",
    "GOMODCACHE": "where the module cache is",
    "GOPROXY": "the module proxy",
    "GONOPROXY": "modules not asked of the proxy",
    "GOSUMDB": "the checksum database",
    "GONOSUMDB": "modules not asked of the checksum database",
    "GOPRIVATE": "private modules",
    "GOINSECURE": "modules fetched without TLS",
    "GOVCS": "version-control systems allowed",
    "GOAUTH": "credentials for private modules",
}
"""Go's own variables that pass, from the environment or from the file of ``go env -w``: they say
where modules come from, and never what is made of them. No other variable passes."""


def go_environment(
    goroot: Path,
    build_cache: Path,
    *,
    settings: tuple[str, ...] = (),
    build: BuildSpec | None = None,
    caller: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """Return the whole environment for ``goroot``'s go command.

    Args:
        goroot: the toolchain.
        build_cache: Go's build cache. It must belong to this toolchain's content alone: the go
            command knows a release's compiler by its version only.
        settings: experiment settings.
        build: build settings; the defaults if there are none.
        caller: where the variables in ``PASSED`` and ``PASSED_GO`` come from.
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
        "CGO_ENABLED": "1" if build.needs_cgo else "0",
        "LC_ALL": "C",
        **{name: value for name, value in chosen.items() if value},
    }


def passed_environment(caller: Mapping[str, str]) -> dict[str, str]:
    """What passes of the caller's environment and of the file that ``go env -w`` writes."""
    stored = {k: v for k, v in _read_go_env(caller).items() if k in PASSED_GO}
    own = {k: v for k, v in caller.items() if k in PASSED or (k in PASSED_GO and v)}
    return {"HOME": str(Path.home())} | stored | own


def _read_go_env(caller: Mapping[str, str]) -> dict[str, str]:
    """The user's Go environment file (``go help environment``): lines of ``KEY=VALUE``."""
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
