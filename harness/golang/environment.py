"""The environment of every Go command: nothing of the caller's that changes a result gets in."""

import os
from collections.abc import Mapping
from pathlib import Path

PASSED = {
    "HOME": "netrc and version-control credentials",
    "PATH": "git, and the C compiler where cgo is on",
    "TMPDIR": "where temporary files go",
    "USER": "version-control tools",
    "SSH_AUTH_SOCK": "private modules by ssh",
    "GIT_SSL_CAINFO": "certificates of private modules",
    "GIT_SSH_COMMAND": "private modules by ssh",
    "GOPATH": "where the module cache is",
    "GOMODCACHE": "where the module cache is",
    "GOPROXY": "the module proxy",
    "GONOPROXY": "modules not asked of the proxy",
    "GOSUMDB": "the checksum database",
    "GONOSUMDB": "modules not asked of the checksum database",
    "GONOSUMCHECK": "modules not checked",
    "GOPRIVATE": "private modules",
    "GOINSECURE": "modules fetched without TLS",
    "GOVCS": "version-control systems allowed",
    "GOAUTH": "credentials for private modules",
    "HTTP_PROXY": "network proxy",
    "HTTPS_PROXY": "network proxy",
    "NO_PROXY": "network proxy",
    "http_proxy": "network proxy",
    "https_proxy": "network proxy",
    "no_proxy": "network proxy",
    "SSL_CERT_FILE": "certificates",
    "SSL_CERT_DIR": "certificates",
}
"""Variables that pass from the caller to Go commands, each with its reason; no other does."""


def go_environment(
    goroot: Path,
    cache: Path,
    *,
    settings: tuple[str, ...] = (),
    cgo: bool = False,
    caller: Mapping[str, str] = os.environ,
) -> dict[str, str]:
    """The whole environment for running ``goroot``'s go command.

    Args:
        goroot: the toolchain.
        cache: the harness's cache directory; Go's build cache lies in it.
        settings: experiment settings.
        cgo: whether C may be compiled.
        caller: where the variables in ``PASSED`` come from.
    """
    passed = {key: value for key, value in caller.items() if key in PASSED}
    return passed | {
        "PATH": f"{goroot / 'bin'}{os.pathsep}{passed.get('PATH', os.defpath)}",
        "GOROOT": str(goroot),
        "GOCACHE": str(cache / "go-build"),
        "GOTOOLCHAIN": "local",
        "GOENV": "off",
        "GOFLAGS": "",
        "GOEXPERIMENT": ",".join(settings),
        "GOTELEMETRY": "off",
        "CGO_ENABLED": "1" if cgo else "0",
        "LC_ALL": "C",
    }
