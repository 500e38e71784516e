"""What a repository's release notes say of a commit."""

import re
from pathlib import Path

from harness.bisect.commits.history import Commit
from harness.errors import HarnessError
from harness.golang.git import run_git

_CHANGE = re.compile(r"^Reviewed-on: \S+/(\d+)$", re.MULTILINE)
_FIXES = re.compile(r"^(?:Fixes|Updates|For) (?:golang/go)?#(\d+)", re.MULTILINE)
_MARKUP = re.compile(r"<!--.*?-->|<[^>]+>|\[|\]\([^)]*\)|`", re.DOTALL)
_LONGEST = 400


def release_note(repository: Path, commit: Commit, newest: str) -> str | None:
    """Find the line of the release notes that names the commit's change or its issue.

    Returns:
        ``None`` if no note does, as for most changes of the runtime's insides.
    """
    own = [name for name in commit.files if name.startswith("doc/next/") and name.endswith(".md")]
    for name in own:
        note = _plain(_show(repository, commit.hash, name))
        if note:
            return note
    message = run_git(repository, "show", "--no-patch", "--format=%B", commit.hash)
    words = [f"CL {number}\\b" for number in _CHANGE.findall(message)]
    words += [f"/c/go/[+]/{number}\\b" for number in _CHANGE.findall(message)]
    words += [f"(go.dev/issue/|#){number}\\b" for number in _FIXES.findall(message)]
    if not words:
        return None
    try:
        text = run_git(
            repository, "grep", "-h", "-I", "-E", "-e", "|".join(words), newest, "--",
            "doc/next", "doc/initial", "doc/go1.*.html", "doc/go1.*.md",
        )  # fmt: skip
    except HarnessError:  # nothing found
        return None
    return _plain(text.splitlines()[0]) if text else None


def _show(repository: Path, commit: str, name: str) -> str:
    try:
        return run_git(repository, "cat-file", "blob", f"{commit}:{name}")
    except HarnessError:  # the commit deletes it
        return ""


def _plain(text: str) -> str:
    words = " ".join(_MARKUP.sub("", text).split())
    return words if len(words) <= _LONGEST else f"{words[:_LONGEST]} …"
