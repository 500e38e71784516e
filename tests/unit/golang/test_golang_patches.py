import difflib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import HarnessError
from harness.golang.patches import apply_patches, parse

TEXT = "package runtime\n\n" + "".join(f"var v{n} = {n}\n" for n in range(40))
FILE = "src/runtime/v.go"
TOOL = """--- a/src/cmd/compile/main.go
+++ b/src/cmd/compile/main.go
@@ -1 +1 @@
-package main
+package b
"""


@pytest.fixture
def goroot(tmp_path: Path) -> Path:
    path = tmp_path / "go" / FILE
    path.parent.mkdir(parents=True)
    path.write_text(TEXT)
    (tmp_path / "go/src/cmd/compile").mkdir(parents=True)
    (tmp_path / "go/src/cmd/compile/main.go").write_text("package main\n")
    return tmp_path / "go"


def diff(old: str, new: str, name: str = FILE, prefixes: tuple[str, str] = ("a/", "b/")) -> str:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True),
        prefixes[0] + name, prefixes[1] + name,
    )  # fmt: skip
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
                   for line in lines)  # fmt: skip


def write(goroot: Path, text: str, name: str = "fix.diff") -> Path:
    path = goroot.parent / name
    path.write_bytes(text.encode())
    return path


_LINES = st.lists(st.sampled_from(["a", "b", "c", "", "-x", "+y", "@@ -1 +1 @@", "--- a"]))
_TEXTS = st.builds(lambda lines, end: "\n".join(lines) + end, _LINES, st.sampled_from(["", "\n"]))


@given(old=_TEXTS, new=_TEXTS)
def test_any_diff_turns_the_old_text_into_the_new(
    tmp_path_factory: pytest.TempPathFactory, old: str, new: str
) -> None:
    goroot = tmp_path_factory.mktemp("patch") / "go"
    (goroot / "src/runtime").mkdir(parents=True)
    (goroot / FILE).write_text(old)
    if diff(old, new):
        assert apply_patches(goroot, [write(goroot, diff(old, new))]) == {FILE: new}


@pytest.mark.parametrize(
    ("name", "prefixes"),
    [(FILE, ("a/", "b/")), (FILE, ("", "")), ("runtime/v.go", ("a/", "b/")),
     ("runtime/v.go", ("", "")), (FILE, ("go.orig/", "go/"))],
)  # fmt: skip
def test_paths_may_begin_anywhere_above_the_file(
    goroot: Path, name: str, prefixes: tuple[str, str]
) -> None:
    new = TEXT.replace("v7 = 7", "v7 = 70")
    assert apply_patches(goroot, [write(goroot, diff(TEXT, new, name, prefixes))]) == {FILE: new}


def test_hunks_apply_where_their_lines_have_moved(goroot: Path) -> None:
    patch = write(goroot, diff(TEXT, TEXT.replace("v30 = 30", "v30 = 0")))
    moved = TEXT.replace("var v0", "// more\n// lines\nvar v0")
    (goroot / FILE).write_text(moved)
    assert apply_patches(goroot, [patch]) == {FILE: moved.replace("v30 = 30", "v30 = 0")}


def test_patches_build_on_each_other(goroot: Path) -> None:
    middle = TEXT.replace("v7 = 7", "v7 = 70")
    last = middle.replace("v7 = 70", "v7 = 700")
    steps = {"1.diff": diff(TEXT, middle), "2.diff": diff(middle, last)}
    patches = [write(goroot, text, name) for name, text in steps.items()]
    assert apply_patches(goroot, patches) == {FILE: last}
    with pytest.raises(HarnessError, match=r"2\.diff:3: this hunk does not apply"):
        apply_patches(goroot, patches[::-1])


def test_hunks_that_do_not_apply_are_all_named_with_file_and_line(goroot: Path) -> None:
    new = TEXT.replace("v7 = 7", "v7 = 70").replace("v30 = 30", "v30 = 0")
    patch = write(goroot, diff(TEXT, new))
    (goroot / FILE).write_text(TEXT.replace("v8", "other").replace("v31", "other"))
    with pytest.raises(HarnessError) as caught:
        apply_patches(goroot, [patch])
    first, second = str(caught.value).splitlines()
    assert first == (
        f"{patch}:3: this hunk does not apply to {FILE}:7; line 11 is 'var other = 8' where it "
        "expects 'var v8 = 8'"
    )
    assert second.startswith(f"{patch}:12: this hunk does not apply to {FILE}:30")


def test_files_can_be_added_and_removed(goroot: Path) -> None:
    added = "--- /dev/null\n+++ b/src/runtime/new.go\n@@ -0,0 +1 @@\n+package runtime\n"
    gone = "".join(f"-{line}" for line in TEXT.splitlines(keepends=True))
    removed = f"--- a/{FILE}\n+++ /dev/null\n@@ -1,{TEXT.count(chr(10))} +0,0 @@\n{gone}"
    assert apply_patches(goroot, [write(goroot, added + removed)]) == {
        "src/runtime/new.go": "package runtime\n",
        FILE: None,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nothing\n", "is not a unified diff"),
        (f"--- a/{FILE}\n+++ b/{FILE}\n@@ -1,2 +1,2 @@\n package runtime\n", "cut short"),
        (
            f"--- a/{FILE}\n+++ b/{FILE}\n@@ -1,2 +1,2 @@\n?\n",
            ":4: is not a line of a hunk",
        ),
        ("--- a/src/runtime/w.go\n+++ b/src/runtime/w.go\n@@ -1 +1 @@\n-a\n+b\n", "has no file"),
        ("--- a/../../etc/passwd\n+++ b/../../etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "has no file"),
        ("--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-a\n+b\n", "has no file"),
        ("--- /dev/null\n+++ b/src/absent/w.go\n@@ -0,0 +1 @@\n+b\n", "would be in no directory"),
        (
            TOOL,
            "cannot change the tools",
        ),
    ],
)
def test_mistakes_are_explained(goroot: Path, text: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        apply_patches(goroot, [write(goroot, text)])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_diff_or_a_user_mistake(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    path = tmp_path_factory.mktemp("patch") / "fix.diff"
    path.write_bytes(b"--- a/x\n+++ b/x\n@@ -1 +1 @@\n" + content)
    try:
        assert parse(path)
    except HarnessError as error:
        assert str(path) in str(error)  # noqa: PT017 - either outcome is right
