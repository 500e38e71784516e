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
        return frozenset(
            number for number, piece in enumerate(self.pieces) if piece.good != piece.bad
        )

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

    def refined(self, chosen: AbstractSet[int]) -> tuple["FileChange", dict[int, tuple[int, ...]]]:
        """The same change with some pieces taken apart into hunks.

        Returns:
            The change, and for each chosen piece its pieces in it.
        """
        pieces: list[Piece] = []
        places = {}
        for number, piece in enumerate(self.pieces):
            both = piece.good.text and piece.bad.text
            parts = list(_hunks(piece)) if number in chosen and both else [piece]
            places[number] = tuple(range(len(pieces), len(pieces) + len(parts)))
            pieces += parts
        change = FileChange(
            path=self.path, good=self.good, bad=self.bad, splits=self.splits, pieces=tuple(pieces)
        )
        return change, {number: places[number] for number in sorted(chosen)}


class Unparsable(Exception):  # noqa: N818 - an outcome of a combination, not a fault
    """A combination of edits is not a valid Go file."""


def compare(
    good: Mapping[str, str | None], bad: Mapping[str, str | None], split: tuple[Splitter, Splitter]
) -> dict[str, FileChange]:
    """Compare files, in the order of their paths.

    Args:
        good: texts of files by path within the GOROOT; ``None`` for one that is not there.
        bad: the other side, with the same paths.
        split: takes files of the good and of the bad side apart.
    """
    paths = [path for path in sorted(good) if good[path] != bad[path]]
    splits = zip(
        *(
            one([(path, side[path] or "") for path in paths])
            for one, side in zip(split, (good, bad), strict=True)
        ),
        strict=True,
    )
    changes = {}
    for path, both in zip(paths, splits, strict=True):
        pieces = tuple(_align(*both, absent=(good[path] is None, bad[path] is None)))
        changes[path] = FileChange(
            path=path, good=good[path], bad=bad[path], splits=both, pieces=pieces
        )
    return changes


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
        whole = _whole(change, numbers)
        if whole is None:
            mixed[path] = numbers
        else:
            texts[path] = whole[0]
    drafts = {path: _assemble(changes[path], numbers) for path, numbers in mixed.items()}
    splits = split([(path, "".join(draft)) for path, draft in drafts.items()])
    for path, found in zip(drafts, splits, strict=True):
        texts[path] = _with_imports(changes[path], mixed[path], drafts[path], found)
    return texts


def _whole(change: FileChange, numbers: AbstractSet[int]) -> tuple[str | None] | None:
    """The file as it is on one side, if that is what the edits make it."""
    wanted = frozenset(edit.piece for edit in change.edits) or change.differing
    if not numbers or (change.one_sided and not numbers & wanted):
        return (change.good,)
    if numbers >= (wanted if change.one_sided else change.differing):
        return (change.bad,)
    return None


def _assemble(change: FileChange, numbers: AbstractSet[int]) -> list[str]:
    """The file's pieces."""
    frame_is_bad = change.good is None
    bad = (
        frame_is_bad if change.one_sided and piece.kind in _FRAME else number in numbers
        for number, piece in enumerate(change.pieces)
    )
    return [
        (piece.bad if takes_bad else piece.good).text
        for piece, takes_bad in zip(change.pieces, bad, strict=True)
    ]


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


def _align(good: Split, bad: Split, *, absent: tuple[bool, bool]) -> Iterator[Piece]:
    """Pair the segments that declare the same."""
    sides = [
        () if missing else split.segments
        for split, missing in zip((good, bad), absent, strict=True)
    ]
    if any(len(side) == 1 and side[0].kind == "text" for side in sides) and not any(absent):
        whole = [
            Segment(kind="text", text=t, code=t)
            for t in ("".join(s.text for s in side) for side in sides)
        ]
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
            yield from (
                Piece(good=x, bad=y) for x, y in zip(sides[0][a:b], sides[1][c:d], strict=True)
            )
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
    matcher = difflib.SequenceMatcher(None, good, bad, autojunk=False)
    for _, a, b, c, d in matcher.get_opcodes():
        sides = ["".join(good[a:b]), "".join(bad[c:d])]
        segments = [
            Segment(
                kind=piece.kind,
                text=text,
                code=text if literal else without_comments(text),
                symbols=side.symbols,
            )
            for text, side in zip(sides, (piece.good, piece.bad), strict=True)
        ]
        yield Piece(good=segments[0], bad=segments[1])
