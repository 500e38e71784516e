"""Patches: unified diffs against a GOROOT, applied in memory for an overlay."""

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError
from harness.models import Frozen

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")


class Hunk(Frozen):
    """One hunk of a diff."""

    line: int
    """Where it begins in the patch file, counted from 1."""
    start: int
    """Line of the original at which it is expected, counted from 1."""
    old: tuple[str, ...]
    new: tuple[str, ...]
    """Lines with their ends; the last may lack one."""


class FilePatch(Frozen):
    """A diff's changes to one file."""

    line: int
    """Where it begins in the patch file, counted from 1."""
    old: str | None
    """Path as the diff gives it; ``None`` for a file that it adds."""
    new: str | None
    """Path as the diff gives it; ``None`` for a file that it removes."""
    hunks: tuple[Hunk, ...]


def apply_patches(goroot: Path, patches: Iterable[Path]) -> dict[str, str | None]:
    """Apply unified diffs, as of ``diff -u`` and ``git diff``, to the files of a GOROOT in turn.

    Return paths relative to the GOROOT (``src/runtime/malloc.go``) with their new text, or with
    ``None`` for files that go away.

    Raises:
        HarnessError: a file is no diff, a hunk does not apply (with file and line, all of them), or
            a patch touches what an overlay cannot change.
    """
    changed: dict[str, str | None] = {}
    failures = []
    for path in patches:
        for file in parse(path):
            try:
                changed.update(_apply_file(goroot, path, file, changed))
            except HarnessError as error:
                failures.append(str(error))
    if failures:
        raise HarnessError("\n".join(failures))
    return changed


def parse(path: Path) -> list[FilePatch]:
    """Read a unified diff.

    Raises:
        HarnessError: it cannot be read, or is none.
    """
    try:
        lines = split_lines(path.read_bytes().decode())
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise HarnessError(f"the patch {path} cannot be read: {reason}") from None
    files = list(_files(path, lines))
    if not files:
        raise HarnessError(f"{path} is not a unified diff: it has no '--- ' and '+++ ' lines")
    return files


def split_lines(text: str) -> list[str]:
    """Split a text at line feeds alone, as patch(1) and compilers do; keep line ends."""
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _files(path: Path, lines: list[str]) -> Iterator[FilePatch]:
    index = 0
    while index < len(lines) - 1:
        if not (lines[index].startswith("--- ") and lines[index + 1].startswith("+++ ")):
            index += 1
            continue
        first = index
        old, new = (_file_name(line) for line in lines[index : index + 2])
        index += 2
        hunks = []
        while index < len(lines) and lines[index].startswith("@@"):
            hunk, index = _hunk(path, lines, index)
            hunks.append(hunk)
        yield FilePatch(line=first + 1, old=old, new=new, hunks=tuple(hunks))


def _file_name(line: str) -> str | None:
    name = line[4:].rstrip("\r\n").split("\t")[0].strip()
    return None if name == "/dev/null" else name


def _hunk(path: Path, lines: list[str], index: int) -> tuple[Hunk, int]:
    head = _HUNK.match(lines[index])
    if head is None:
        raise HarnessError(f"{path}:{index + 1}: is not the head of a hunk")
    first = index
    wanted = [int(head[2] or 1), int(head[4] or 1)]
    sides: tuple[list[str], list[str]] = ([], [])
    index += 1
    while index < len(lines) and (
        [len(side) for side in sides] != wanted or lines[index].startswith("\\")
    ):
        mark, text = lines[index][:1], lines[index][1:]
        if mark not in (" ", "-", "+", "\n", "\r", "\\"):
            raise HarnessError(f"{path}:{index + 1}: is not a line of a hunk")
        if mark == "\\":
            _drop_line_end(sides, lines[index - 1][:1])
        else:
            # some editors strip the blank of an empty context line
            content = text if mark in " -+" else lines[index]
            for side, marks in zip(sides, (" -\n\r", " +\n\r"), strict=True):
                if mark in marks:
                    side.append(content)
        index += 1
    if [len(side) for side in sides] != wanted:
        raise HarnessError(f"{path}:{first + 1}: this hunk is cut short")
    start = int(head[1])
    return Hunk(line=first + 1, start=start, old=tuple(sides[0]), new=tuple(sides[1])), index


def _drop_line_end(sides: tuple[list[str], list[str]], mark: str) -> None:
    r"""Follow ``\ No newline at end of file``."""
    for side, marks in zip(sides, (" -", " +"), strict=True):
        if mark in marks and side:
            side[-1] = side[-1].removesuffix("\n")


def _apply_file(
    goroot: Path, patch: Path, file: FilePatch, changed: Mapping[str, str | None]
) -> dict[str, str | None]:
    place = f"{patch}:{file.line}"
    source = _locate(goroot, place, file.old, changed) if file.old else None
    target = _target(goroot, place, file, source)
    for name in {source, target} - {None}:
        _check_in_reach(place, str(name))
    text = _read(goroot, source, changed) if source else ""
    result: dict[str, str | None] = {}
    if source and source != target:
        result[source] = None
    if target:
        result[target] = _apply_hunks(patch, target, text, file.hunks)
    return result


def _target(goroot: Path, place: str, file: FilePatch, source: str | None) -> str | None:
    if file.new is None:
        return None
    if file.old is not None and _tail(file.old) == _tail(file.new):
        return source
    return _new_name(goroot, place, file.new)


def _tail(name: str) -> str:
    """Strip git's ``a/`` or ``b/`` and diff's ``.orig`` from a name."""
    return re.sub(r"^[a-z]/", "", name).removesuffix(".orig")


def _spellings(name: str) -> list[str]:
    """List where a diff's path may be in a GOROOT: without leading parts, or under src."""
    parts = PurePosixPath(name).parts
    if PurePosixPath(name).is_absolute() or ".." in parts:
        return []
    stripped = ["/".join(parts[n:]) for n in range(len(parts))]
    return stripped + [f"src/{s}" for s in stripped[:2]]


def _locate(goroot: Path, place: str, name: str, changed: Mapping[str, str | None]) -> str:
    for spelling in _spellings(name):
        known = changed[spelling] is not None if spelling in changed else None
        if known or (known is None and (goroot / spelling).is_file()):
            return spelling
    raise HarnessError(f"{place}: {goroot} has no file {name!r}")


def _new_name(goroot: Path, place: str, name: str) -> str:
    for spelling in _spellings(name):
        if spelling.startswith("src/") and (goroot / spelling).parent.is_dir():
            return spelling
    raise HarnessError(f"{place}: {name!r} would be in no directory of {goroot}/src")


def _check_in_reach(place: str, name: str) -> None:
    if not name.startswith("src/") or name.startswith("src/cmd/"):
        raise HarnessError(
            f"{place}: {name} is not part of the standard library; a patch is applied when a "
            "workload is built and cannot change the tools: use {git: …, ref: …} for that"
        )


def _read(goroot: Path, name: str, changed: Mapping[str, str | None]) -> str:
    text = changed.get(name)
    return (goroot / name).read_bytes().decode() if text is None else text


def _apply_hunks(patch: Path, name: str, text: str, hunks: Iterable[Hunk]) -> str:
    lines = split_lines(text)
    offset, begin = 0, 0
    failures = []
    for hunk in hunks:
        expected = max(hunk.start - 1, 0) + offset + (0 if hunk.old else bool(hunk.start))
        at = _find(lines, hunk.old, expected, begin)
        if at is None:
            failures.append(
                f"{patch}:{hunk.line}: this hunk does not apply to {name}:{hunk.start}"
                f"{_first_difference(lines, hunk, expected)}"
            )
            continue
        lines[at : at + len(hunk.old)] = hunk.new
        begin = at + len(hunk.new)
        offset += at - expected + len(hunk.new) - len(hunk.old)
    if failures:
        raise HarnessError("\n".join(failures))
    return "".join(lines)


def _find(lines: list[str], old: tuple[str, ...], expected: int, begin: int) -> int | None:
    """Return the place nearest to the expected one that has exactly the old lines."""
    last = len(lines) - len(old)
    places = sorted(range(begin, last + 1), key=lambda at: abs(at - expected))
    return next((at for at in places if tuple(lines[at : at + len(old)]) == old), None)


def _first_difference(lines: list[str], hunk: Hunk, expected: int) -> str:
    for number, wanted in enumerate(hunk.old, expected):
        found = lines[number] if 0 <= number < len(lines) else "nothing"
        if found != wanted:
            return f"; line {number + 1} is {found.strip()!r} where it expects {wanted.strip()!r}"
    return ""


def reverse(patch: str) -> str:
    """A unified diff that undoes another one, as ``patch -R`` does."""
    return "".join(_reversed(split_lines(patch)))


def _reversed(lines: list[str]) -> Iterator[str]:
    index = 0
    while index < len(lines):
        if lines[index].startswith("--- ") and lines[index + 1 : index + 2]:
            yield f"--- {lines[index + 1][4:]}"
            yield f"+++ {lines[index][4:]}"
            index += 2
        elif head := _HUNK.match(lines[index]):
            old, new = (f"{head[n]},{head[n + 1] or 1}" for n in (1, 3))
            yield f"@@ -{new} +{old} @@{lines[index][head.end() :]}"
            counts = [int(head[n] or 1) for n in (2, 4)]
            index += 1
            while index < len(lines) and (any(counts) or lines[index].startswith("\\")):
                mark, rest = lines[index][:1], lines[index][1:]
                counts[0] -= mark in " -"
                counts[1] -= mark in " +"
                yield {"-": "+", "+": "-"}.get(mark, mark) + rest
                index += 1
        else:
            yield lines[index]
            index += 1
