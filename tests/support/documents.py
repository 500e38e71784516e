"""README and docs as tests see them: fenced blocks with what each needs, commands, links.

A comment in the line before a block says what it needs: ``<!-- test: in=module -->``.

``in=`` where it runs: ``measured`` (the default; a project with a matrix and a run in
``reports/latest``) or ``module`` (a Go module without a matrix). ``exits=`` its status, if not 0.
``skip=`` why it is not run: a word that the test explains.
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
_BLOCK = re.compile(
    r"(?:^[ ]*<!-- test: (?P<needs>[^\n]*) -->\n\n?)?"
    r"^(?P<indent>[ ]*)```(?P<info>[^\n`]*)\n(?P<text>.*?)^(?P=indent)```$",
    re.MULTILINE | re.DOTALL,
)
_COMMAND = re.compile(r"`(gomatrix [^`]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    document: Path
    line: int
    language: str
    text: str
    needs: dict[str, str]

    @property
    def name(self) -> str:
        return f"{self.document.name}:{self.line}"


def blocks(document: Path) -> list[Block]:
    text = document.read_text(encoding="utf-8")
    found = []
    for match in _BLOCK.finditer(text):
        indent = len(match["indent"])
        lines = [line[indent:] for line in match["text"].splitlines()]
        needs = dict(word.split("=", 1) for word in (match["needs"] or "").split())
        found.append(
            Block(
                document=document,
                line=text[: match.start("info")].count("\n") + 1,
                language=match["info"].split(" ")[0],
                text="\n".join(lines) + "\n",
                needs=needs,
            )
        )
    return found


def every_block(*languages: str) -> list[Block]:
    return [b for document in DOCUMENTS for b in blocks(document) if b.language in languages]


def inline_commands(document: Path) -> list[str]:
    """Commands in running text, which may hold placeholders in capitals."""
    return _COMMAND.findall(document.read_text(encoding="utf-8"))
