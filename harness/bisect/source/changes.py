"""The differences between the files of two GOROOTs, as edits that can be made one by one."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from functools import cached_property
from typing import NamedTuple

from harness.bisect.source.imports import fit_imports, unnamed
from harness.bisect.source.split import Segment, Split, Splitter, without_comments
from harness.golang.patches import split_lines
from harness.models import Frozen

_NOTHING = Segment(kind="", text="", code="")
_FRAME = ("head", "imports")
"""Segments that come and go with the rest of a file that one side lacks."""


class Edit(NamedTuple):
    """One difference: a piece of a file to take from the bad side instead of the good one."""

    path: str
    piece: int


class Piece(Frozen):
    """A segment of a file on both sides; either may lack it."""

    good: Segment
    bad: Segment

    @property
    def kind(self) -> str:
        """The segment's kind."""
        return self.good.kind or self.bad.kind

    @property
    def name(self) -> str:
        """What it declares, for messages; may be empty."""
        symbols = self.good.symbols or self.bad.symbols
        return symbols[0].name if symbols else ""


class FileChange(Frozen):
    """A file that differs, in pieces."""

    path: str
    """Within the GOROOT."""
    good: str | None
    bad: str | None
    """The whole text; ``None`` on the side that lacks the file."""
    splits: tuple[Split, Split]
    """The good and the bad text, taken apart."""
    pieces: tuple[Piece, ...]

    @property
    def package(self) -> str:
        """Its directory below ``src``."""
        return self.path.removeprefix("src/").rpartition("/")[0]

    @cached_property
    def differing(self) -> frozenset[int]:
        """Pieces with another text."""
        return frozenset(n for n, piece in enumerate(self.pieces) if piece.good != piece.bad)

    @cached_property
    def edits(self) -> tuple[Edit, ...]:
        """Pieces that count: not comments, nor imports, which follow from other edits."""
        found = [number for number in sorted(self.differing) if self._matters(number)]
        imports = any(split.imports for split in self.splits)
        if not found and self.one_sided and (imports or not self.path.endswith(".go")):
            found = [0]  # even an empty assembly file tells the compiler something
        return tuple(Edit(self.path, number) for number in found)

    @property
    def one_sided(self) -> bool:
        """Whether either side lacks the file."""
        return None in (self.good, self.bad)

    def _matters(self, number: int) -> bool:
        piece = self.pieces[number]
        if self.one_sided and piece.kind in _FRAME:
            return False
        if piece.kind == "imports":
            good, bad = (unnamed(split.imports) for split in self.splits)
            return good != bad or "C" in good
        return piece.good.code != piece.bad.code

    def refined(self, chosen: AbstractSet[int]) -> tuple["FileChange", frozenset[Edit]]:
        """Take some pieces apart into hunks; also returns what they became."""
        pieces: list[Piece] = []
        inside: set[Edit] = set()
        for number, piece in enumerate(self.pieces):
            before = len(pieces)
            both = piece.good.text and piece.bad.text
            pieces += _hunks(piece) if number in chosen and both else [piece]
            if number in chosen:
                inside |= {Edit(self.path, n) for n in range(before, len(pieces))}
        change = FileChange(
            path=self.path, good=self.good, bad=self.bad, splits=self.splits, pieces=tuple(pieces)
        )
        return change, frozenset(inside)


class Unparsable(Exception):  # noqa: N818 - an outcome of a combination, not a fault
    """A combination of edits is not a valid Go file."""


def compare(
    good: Mapping[str, str | None], bad: Mapping[str, str | None], split: tuple[Splitter, Splitter]
) -> dict[str, FileChange]:
    """Compare files, in the order of their paths.

    Both sides have the same paths within the GOROOT, with ``None`` for a file that is not there;
    the first splitter is for files of the good side.
    """
    paths = [path for path in sorted(good) if good[path] != bad[path]]
    sides = [_split(side, paths, one) for side, one in zip((good, bad), split, strict=True)]
    changes = {}
    for path in paths:
        splits = sides[0][path], sides[1][path]
        changes[path] = FileChange(
            path=path, good=good[path], bad=bad[path], splits=splits, pieces=tuple(_align(*splits))
        )
    return changes


def _split(
    texts: Mapping[str, str | None], paths: Sequence[str], split: Splitter
) -> dict[str, Split]:
    present = [(path, text) for path in paths if (text := texts[path]) is not None]
    found = zip(present, split(present), strict=True)
    return dict.fromkeys(paths, Split(segments=())) | {path: one for (path, _), one in found}


def combine(
    changes: Mapping[str, FileChange], chosen: AbstractSet[Edit], split: Splitter
) -> dict[str, str | None]:
    """The texts of all changed files with some edits made.

    Raises:
        Unparsable: with the compiler's complaint.
    """
    texts: dict[str, str | None] = {}
    mixed = {}
    for path, change in changes.items():
        numbers = frozenset(edit.piece for edit in chosen if edit.path == path)
        wanted = frozenset(edit.piece for edit in change.edits) or change.differing
        if not numbers or (change.one_sided and not numbers & wanted):
            texts[path] = change.good
        elif numbers >= (wanted if change.one_sided else change.differing):
            texts[path] = change.bad
        else:
            mixed[path] = numbers
    drafts = {path: _assemble(changes[path], numbers) for path, numbers in mixed.items()}
    splits = split([(path, "".join(draft)) for path, draft in drafts.items()])
    for path, found in zip(drafts, splits, strict=True):
        texts[path] = _with_imports(changes[path], mixed[path], drafts[path], found)
    return texts


def _assemble(change: FileChange, numbers: AbstractSet[int]) -> list[str]:
    """The file's pieces."""
    texts = []
    for number, piece in enumerate(change.pieces):
        framed = change.one_sided and piece.kind in _FRAME
        takes_bad = change.good is None if framed else number in numbers
        texts.append((piece.bad if takes_bad else piece.good).text)
    return texts


def _with_imports(
    change: FileChange, numbers: AbstractSet[int], draft: list[str], found: Split
) -> str:
    """A mixed file; if it is a Go file, with the imports that it needs."""
    number = next((n for n, p in enumerate(change.pieces) if p.kind == "imports"), None)
    if number is None:
        return "".join(draft)
    if found.error:
        raise Unparsable(f"{change.path}:{found.error}")
    piece = change.pieces[number]
    sides = list(zip(change.splits, (piece.good.text, piece.bad.text), strict=True))
    if number in numbers or change.good is None:
        sides.reverse()
    needed = frozenset[str]().union(*(segment.qualifiers for segment in found.segments))
    text = fit_imports(sides[0], sides[1], needed)
    return "".join([*draft[:number], text, *draft[number + 1 :]])


def _align(good: Split, bad: Split) -> Iterator[Piece]:
    """Pair the segments that declare the same."""
    sides = good.segments, bad.segments
    if all(sides) and any(len(side) == 1 and side[0].kind == "text" for side in sides):
        texts = ["".join(segment.text for segment in side) for side in sides]
        whole = [Segment(kind="text", text=text, code=text) for text in texts]
        yield Piece(good=whole[0], bad=whole[1])
        return
    keys = _keys(sides[0], {})
    groups = {
        (segment.kind, symbol.name): key
        for segment, key in zip(sides[0], keys, strict=True)
        for symbol in segment.symbols
    }
    matcher = difflib.SequenceMatcher(None, keys, _keys(sides[1], groups), autojunk=False)
    for tag, a, b, c, d in matcher.get_opcodes():
        if tag == "equal":
            pairs = zip(sides[0][a:b], sides[1][c:d], strict=True)
            yield from (Piece(good=one, bad=other) for one, other in pairs)
        else:
            yield from (Piece(good=segment, bad=_NOTHING) for segment in sides[0][a:b])
            yield from (Piece(good=_NOTHING, bad=segment) for segment in sides[1][c:d])


def _keys(segments: Sequence[Segment], groups: Mapping[tuple[str, str], str]) -> list[str]:
    """By what a declaration is known; a group of them as the group that any of them was in."""
    keys = []
    for segment in segments:
        names = [symbol.name for symbol in segment.symbols]
        known = (groups[segment.kind, n] for n in names if (segment.kind, n) in groups)
        keys.append(next(known, " ".join([segment.kind, *names[:1]])))
    return keys


def _hunks(piece: Piece) -> Iterator[Piece]:
    """The lines of a declaration that both sides have, and what differs between them."""
    good, bad = split_lines(piece.good.text), split_lines(piece.bad.text)
    literal = any(mark in piece.good.text + piece.bad.text for mark in ("`", "/*"))

    def part(side: Segment, lines: Sequence[str]) -> Segment:
        text = "".join(lines)
        code = text if literal else without_comments(text)
        return Segment(kind=piece.kind, text=text, code=code, symbols=side.symbols)

    matcher = difflib.SequenceMatcher(None, good, bad, autojunk=False)
    for _, a, b, c, d in matcher.get_opcodes():
        yield Piece(good=part(piece.good, good[a:b]), bad=part(piece.bad, bad[c:d]))
