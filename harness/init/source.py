"""One Go source file, as far as patterns can read it."""

import re
from typing import Self

from harness.models import Frozen

_COMMENT_OR_TEXT = re.compile(
    r'"(?:\\.|[^"\\\n])*"|`[^`]*`|' + r"'(?:\\.|[^'\\\n])*'" + r"|//[^\n]*|/\*.*?\*/", re.DOTALL
)
_PACKAGE = re.compile(r"^\s*package\s+(\w+)", re.MULTILINE)
_IMPORTS = re.compile(r"^import\s+(?:\((.*?)\)|([^\n]*))", re.MULTILINE | re.DOTALL)
_MAIN = re.compile(r"^func\s+main\s*\(\s*\)", re.MULTILINE)


class GoFile(Frozen):
    """A file of a package."""

    package: str
    header: str
    """What stands before the package clause, comments and all."""
    code: str
    """The rest, without comments."""
    imports: tuple[str, ...]
    test: bool

    @classmethod
    def parse(cls, name: str, text: str) -> Self | None:
        """A file's parts; ``None`` if it has no package clause."""
        code = _COMMENT_OR_TEXT.sub(_without_comment, text)
        package = _PACKAGE.search(code)
        start = re.search(r"^[ \t]*package\s", text, re.MULTILINE)
        if package is None or start is None:
            return None
        blocks = [block or line for block, line in _IMPORTS.findall(code)]
        return cls(
            package=package[1],
            header=text[: start.start()],
            code=code,
            imports=tuple(word for block in blocks for word in re.findall(r'"([^"]+)"', block)),
            test=name.endswith("_test.go"),
        )

    @property
    def has_main(self) -> bool:
        """Whether ``func main()`` is in it."""
        return _MAIN.search(self.code) is not None


def _without_comment(match: re.Match[str]) -> str:
    text = match[0]
    return " " if text.startswith(("//", "/*")) else text
