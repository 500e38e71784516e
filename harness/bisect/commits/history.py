"""Go's source repository: where releases are, what lies between two commits, what notes say."""

import re
from pathlib import Path, PurePosixPath

from harness.errors import HarnessError
from harness.golang.git import hash_of, run_git
from harness.golang.versions import GoVersion
from harness.matrix.names import RELEASE
from harness.models import Frozen

_GOVERSION = "src/internal/goversion/goversion.go"
"""Its ``const Version`` is the minor version in development."""
_CHANGE = re.compile(r"^Reviewed-on: \S+/(\d+)$", re.MULTILINE)
_FIXES = re.compile(r"^(?:Fixes|Updates|For) (?:golang/go)?#(\d+)", re.MULTILINE)
_MARKUP = re.compile(r"<!--.*?-->|<[^>]+>|\[|\]\([^)]*\)|`", re.DOTALL)
_LONGEST_NOTE = 400
_MARK = "\x01"
"""Begins a commit in git's output."""


class Commit(Frozen):
    """One commit of a first-parent history."""

    hash: str
    title: str
    author: str
    date: str
    """The author's, ISO 8601."""
    files: tuple[str, ...] = ()
    """Files changed against the first parent, including deleted files and old names."""

    @property
    def short(self) -> str:
        """The form in which toolchains are named after it."""
        return self.hash[:12]


class Place(Frozen):
    """The place of one end in the history."""

    name: str
    """What the user wrote."""
    commit: str
    exact: bool
    """Whether the commit is the end itself, and not only where its branch left the main line."""
    how: str
    """How it was found, for the report."""


def place(repository: Path, name: str, *, earlier: bool) -> Place:
    """Find a release, branch, tag or commit.

    A release is its tag, or the commit that writes it into VERSION. If the repository has neither,
    such as a clone of the main line alone, the release's branch left the main line between the
    commit that promotes the API of its minor version and the one that opens the next version. The
    ``earlier`` of these two is taken for the older end, so that everything that came into a later
    release by the main line surely lies between both ends.

    Raises:
        HarnessError: the repository does not have it.
    """
    if RELEASE.fullmatch(name):
        return _place_release(repository, name, earlier=earlier)
    commit = commit_of(repository, name)
    return Place(name=name, commit=commit, exact=True, how=f"{name} is {commit[:12]}")


def commit_of(repository: Path, ref: str) -> str:
    """The full hash of a commit.

    Raises:
        HarnessError: the repository does not have it.
    """
    commit = _find(repository, ref)
    if commit is None:
        raise HarnessError(f"{repository} has no commit, branch or tag {ref!r}")
    return commit


def release_at(repository: Path, commit: str) -> str | None:
    """The release that a commit's VERSION file names, if it has one."""
    lines = (try_git(repository, "cat-file", "blob", f"{commit}:VERSION") or "").splitlines()
    return lines[0].strip() if lines and RELEASE.fullmatch(lines[0].strip()) else None


def merge_base(repository: Path, one: str, other: str) -> str:
    """The commit where two histories parted.

    Raises:
        HarnessError: they have nothing in common.
    """
    base = try_git(repository, "merge-base", one, other)
    if base is None:
        raise HarnessError(
            f"{one[:12]} and {other[:12]} have no common history in {repository}; "
            "if it is a shallow clone, run git fetch --unshallow there"
        )
    return base


def path_between(repository: Path, start: str, end: str) -> list[Commit]:
    """The first-parent history after ``start`` up to ``end``, oldest first, led by its parent."""
    commits = _log(repository, "--reverse", "--topo-order", f"{start}..{end}")
    return [*_log(repository, "-n1", f"{commits[0].hash}^1"), *commits]


def _log(repository: Path, *which: str) -> list[Commit]:
    text = run_git(
        repository, "log", "--first-parent", "--diff-merges=first-parent", "--no-renames",
        "--name-only", "-z", f"--format={_MARK}%H%x02%an%x02%aI%x02%s%x02", *which,
    )  # fmt: skip
    commits = []
    for entry in text.split(_MARK)[1:]:
        digest, author, date, title, names = entry.split("\x02", maxsplit=4)
        files = tuple(name for name in names.replace("\n", "").split("\0") if name)
        commits.append(Commit(hash=digest, author=author, date=date, title=title, files=files))
    return commits


def is_test(name: str) -> bool:
    """Whether a file of a Go source tree is for tests only."""
    path = PurePosixPath(name)
    return "testdata" in path.parts or path.stem.endswith("_test")


def try_git(repository: Path, *arguments: str) -> str | None:
    """Run git and return what it prints, or ``None`` if it fails."""
    try:
        return run_git(repository, *arguments).strip()
    except HarnessError:
        return None


def _place_release(repository: Path, name: str, *, earlier: bool) -> Place:
    if tagged := _find(repository, f"refs/tags/{name}"):
        return Place(name=name, commit=tagged, exact=True, how=f"{name} is its tag, {tagged[:12]}")
    if written := _written(repository, name):
        how = f"{name} is {written[:12]}, which writes it into VERSION"
        return Place(name=name, commit=written, exact=True, how=how)
    minor = GoVersion.parse(name).minor
    promoted = run_git(
        repository, "log", "--first-parent", "-n1", "--diff-filter=A", "--format=%H", "HEAD", "--",
        f"api/go1.{minor}.txt",
    ).strip()  # fmt: skip
    if earlier and promoted:
        commit = promoted
        where = (
            f"its branch left the main line after {commit[:12]}, which promotes the API of "
            f"1.{minor}"
        )
    elif opened := _opened(repository, minor + 1):
        commit = commit_of(repository, f"{opened}^1")
        where = (
            f"its branch left the main line before {opened[:12]}, which opens the development of "
            f"1.{minor + 1}"
        )
    elif _opened(repository, minor):
        commit = commit_of(repository, "HEAD")
        where = f"{commit[:12]} is the last commit, and leads to 1.{minor}"
    else:
        raise HarnessError(
            f"{repository} has neither {name} nor the development of 1.{minor}; fetch its tag "
            f"(git fetch origin tag {name}), or name a commit"
        )
    how = f"{name} has no tag there; {where}"
    return Place(name=name, commit=commit, exact=False, how=how)


def _find(repository: Path, ref: str) -> str | None:
    try:
        return hash_of(repository, ref)
    except HarnessError:
        return None


def _written(repository: Path, release: str) -> str | None:
    """The commit that makes VERSION name a release, on any branch."""
    found = run_git(repository, "log", "--branches", "--remotes", "--first-parent", "--format=%H",
                    f"-S{release}", "--", "VERSION").split()  # fmt: skip
    return next((commit for commit in found if release_at(repository, commit) == release), None)


def _opened(repository: Path, minor: int) -> str | None:
    """The commit of the main line that opens the development of a minor version."""
    found = run_git(repository, "log", "--first-parent", "--format=%H",
                    f"-G^const Version = {minor}$", "HEAD", "--", _GOVERSION)  # fmt: skip
    return found.split()[-1] if found else None


def release_note(repository: Path, commit: Commit, newest: str) -> str | None:
    """Find the line of the release notes that names the commit's change or its issue, if any."""
    own = [name for name in commit.files if name.startswith("doc/next/") and name.endswith(".md")]
    for name in own:
        text = try_git(repository, "cat-file", "blob", f"{commit.hash}:{name}")
        if text:  # else the commit deletes it
            return _plain(text)
    message = run_git(repository, "show", "--no-patch", "--format=%B", commit.hash)
    words = [f"CL {number}\\b" for number in _CHANGE.findall(message)]
    words += [f"/c/go/[+]/{number}\\b" for number in _CHANGE.findall(message)]
    words += [f"(go.dev/issue/|#){number}\\b" for number in _FIXES.findall(message)]
    if not words:
        return None
    text = try_git(
        repository, "grep", "-h", "-I", "-E", "-e", "|".join(words), newest, "--",
        "doc/next", "doc/initial", "doc/go1.*.html", "doc/go1.*.md",
    )  # fmt: skip
    return _plain(text.splitlines()[0]) if text else None


def _plain(text: str) -> str:
    words = " ".join(_MARKUP.sub("", text).split())
    return words if len(words) <= _LONGEST_NOTE else f"{words[:_LONGEST_NOTE]} …"
