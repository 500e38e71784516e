"""Whether a Go file belongs to a build for Linux on this machine (``go help buildconstraint``)."""

import platform
import re

_ARCH = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
_SYSTEMS = re.compile(
    "aix|android|darwin|dragonfly|freebsd|hurd|illumos|ios|js|linux|nacl|netbsd|openbsd|plan9|"
    "solaris|wasip1|windows|zos"
)
_ARCHITECTURES = re.compile(
    "386|amd64|arm|arm64|loong64|mips(64)?(le)?|ppc64(le)?|riscv64|s390x|wasm"
)
_TAGS = {"linux", "unix", "gc", _ARCH}
_LINE = re.compile(r"^//go:build (.*)$", re.MULTILINE)
_TOKEN = re.compile(r"\s*(&&|\|\||[!()]|[\w.]+)")


def belongs(name: str, header: str) -> bool:
    """Whether a file is part of its package here.

    Args:
        name: the file's name; a last part such as ``_windows`` restricts it.
        header: its text before the package clause.
    """
    words = name.removesuffix(".go").removesuffix("_test").split("_")[1:]
    named = [w for w in words[-2:] if _SYSTEMS.fullmatch(w) or _ARCHITECTURES.fullmatch(w)]
    if not all(word in _TAGS for word in named):
        return False
    line = _LINE.search(header)
    return line is None or _Expression(line[1]).value()


class _Expression:
    """A build constraint; a recursive-descent parser that ends quietly where the text does."""

    def __init__(self, text: str) -> None:
        self._tokens = [*_TOKEN.findall(text), ""]

    def value(self) -> bool:
        found = self._both()
        while self._next("||"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._next("&&"):
            found = self._one() and found
        return found

    def _one(self) -> bool:
        if self._next("!"):
            return not self._one()
        if self._next("("):
            found = self.value()
            self._next(")")
            return found
        word = self._tokens.pop(0) if len(self._tokens) > 1 else ""
        return word in _TAGS or re.fullmatch(r"go1\.\d+", word) is not None

    def _next(self, token: str) -> bool:
        if self._tokens[0] != token:
            return False
        self._tokens.pop(0)
        return True
