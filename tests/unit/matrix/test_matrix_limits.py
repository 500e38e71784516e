"""What a matrix file may hold is bounded before it is parsed, crossed or carried out."""

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest
from synthetic import EXPERIMENTS

from harness.errors import HarnessError
from harness.matrix.document import SpecError
from harness.matrix.load import load
from harness.matrix.paths import beside
from harness.plan.feasible import TRIALS, check_trials
from harness.plan.plan import make_plan

GO = "go: [go1.23.9, go1.24.3]\n"
WORKLOADS = "workloads:\n  - {name: a, package: ./a}\n"
GOOD = GO + WORKLOADS
SOON = 3.0
"""Seconds of CPU time; what is refused by a limit takes some hundredths."""


def refusal(path: Path, content: str | bytes) -> str:
    """The one message that a file gets, soon."""
    path.write_bytes(
        content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    )
    started = time.process_time()
    with pytest.raises(HarnessError) as caught:
        load(path)
    assert time.process_time() - started < SOON
    assert all(len(line) < 1000 for line in str(caught.value).splitlines())
    return str(caught.value).replace(str(path), "m")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "matrix.yaml"


@pytest.mark.parametrize("bracket", ["[", "{a: ", "- ", "? "])
def test_900_nested_brackets_are_refused_with_their_place(path: Path, bracket: str) -> None:
    said = refusal(path, GOOD + "name: " + ("\n  " if bracket[0] in "-?" else "") + bracket * 900)
    assert said.startswith(("m:4:", "m:5:"))
    assert "more than 32 lists and mappings within each other" in said


def test_nesting_that_aliases_make_is_refused(path: Path) -> None:
    chain = "".join(f"b{i}: &b{i} [*b{i - 1}]\n" for i in range(1, 1200))
    assert "aliases make this document endless or huge" in refusal(path, "b0: &b0 [x]\n" + chain)


def test_a_text_that_aliases_repeat_is_counted_each_time(path: Path) -> None:
    text = f"name: &a {'x' * 90_000}\n{GO}workloads: [{', '.join(['*a'] * 50)}]\n"
    assert "aliases make this document endless or huge" in refusal(path, text)


def test_a_list_of_1_mb_is_refused_at_once(path: Path) -> None:
    assert refusal(path, GOOD + "exclude: [" + "x, " * 350_000 + "]").startswith(
        "m:1:1: the file has more than 256 KiB"
    )
    assert "more than 20,000 keys and values" in refusal(path, GOOD + "exclude: [" + "x," * 25_000)


def test_many_mistakes_are_told_soon_and_in_part(path: Path) -> None:
    said = refusal(path, GOOD + "".join(f"k{i}: 1\n" for i in range(9000)))
    assert len(said.splitlines()) == 21
    assert said.endswith("m: and 8980 more")


def test_7_environment_axes_of_10_values_are_refused_by_arithmetic(path: Path) -> None:
    axes = ", ".join(f"A{i}: [{', '.join(map(str, range(10)))}]" for i in range(7))
    said = refusal(path, GOOD + f"env: {{{axes}}}\n")
    assert said.startswith("m:4:")
    assert "these make 20,000,000 variants: 2 go × 10 env.A0 × " in said
    assert "at most 1,000 are taken. Take values or axes away" in said


def test_build_axes_are_counted_before_they_are_crossed(path: Path) -> None:
    flags = ", ".join(f"-x{i}" for i in range(300))
    said = refusal(
        path, GOOD + f"build: {{gcflags: [{flags}], ldflags: [{flags}], pgo: [{flags}]}}\n"
    )
    assert "these make 54,000,000 variants" in said


def test_cells_and_patterns_are_counted(path: Path) -> None:
    many = "".join(f"  - {{name: w{i}, package: ./a}}\n" for i in range(3000))
    four = GO + "experiments: [[], [noswissmap]]\n"
    assert "these make 12,000 variants of workloads" in refusal(path, four + "workloads:\n" + many)
    some = "".join(f"  - {{name: w{i}, package: ./a}}\n" for i in range(900))
    patterns = f"exclude: [{'{go: x}, ' * 900}]\n"
    said = refusal(path, GO + "workloads:\n" + some + patterns)
    assert "these make 1,620,000 comparisons of cells with patterns" in said


def test_gates_are_counted(path: Path) -> None:
    """Each is held against every workload, of a run that a stranger sent too."""
    path.write_text(GOOD + "gates:\n" + "- {metric: rss.peak, max: 1GiB}\n" * 1001)
    with pytest.raises(SpecError, match="at most 1000 items"):
        load(path)


def test_trials_max_100000_is_refused_with_what_would_do(path: Path) -> None:
    path.write_text(GOOD + "trials: {min: 5, max: 100000}\n")
    matrix = load(path)
    plan = make_plan(matrix.spec, EXPERIMENTS, seed=1)
    with pytest.raises(SpecError, match="100,000 rounds of 2 cells are 200,000 trials") as caught:
        check_trials(matrix, plan)
    assert str(caught.value).startswith(f"{path}:4:23: ")
    assert f"Write max: {TRIALS // 2}, " in str(caught.value)
    check_trials(matrix, plan.model_copy(update={"rounds": TRIALS // 2}))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('workloads:\n  - {name: a, package: "./a\\0"}\n', "m:3:24: './a\\x00' holds '\\x00'"),
        ("workloads:\n  - {name: a, package: ~nouser/x}\n", "m:3:24: '~nouser/x' begins in"),
        ("workloads:\n  - {name: a, package: ''}\n", "m:3:24: 'package' is empty"),
        (f"workloads:\n  - {{name: a, package: ./{'n' * 280}}}\n", "m:3:24: './nnn"),
        ('workloads:\n  - {name: a, package: ./a, args: ["\\0"]}\n', "m:3:36: '\\x00' holds"),
        ('workloads:\n  - {name: a, package: ./a, env: {A: "\\0"}}\n', "m:3:38: '\\x00' holds"),
        ("workloads:\n  - {name: a, package: ./a, env: {A=B: x}}\n", "m:3:35: 'A=B' is not a v"),
        ("workloads:\n  - {name: a, benchmark: {package: ~x/y}}\n", "m:3:36: '~x/y' begins in"),
        ("workloads:\n  - {name: a, module: a/../../x@v1}\n", "m:3:23: 'a/../../x@v1' is not a m"),
        (WORKLOADS + "build: {pgo: ~nouser/p}\n", "m:4:14: '~nouser/p' begins in another user's"),
        (WORKLOADS + 'build: {gcflags: ["", "\\e[2J"]}\n', "m:4:23: '\\x1b[2J' holds '\\x1b'"),
        (WORKLOADS + 'env: {A: ["a\\u202Eb"]}\n', "m:4:11: 'a\\u202eb' holds '\\u202e'"),
        (WORKLOADS + "env: {A: []}\n", "m:4:10: 'A' is empty; it needs at least one entry"),
        (WORKLOADS + f"env: {{A: [{'n' * 1001}]}}\n", "m:4:11: 'nnn"),
        (WORKLOADS + f"name: {'n' * 280}\n", "m:4:7: 'nnn"),
        (WORKLOADS + "name: ..\n", "m:4:7: '..' cannot be a name"),
        (WORKLOADS + "name: 'a::b[c]'\n", "m:4:7: 'a::b[c]' cannot be a name"),
        (WORKLOADS + f"trials: {{timeout: {'9' * 400}h}}\n", "m:4:19: '9999"),
        (WORKLOADS + "trials: {timeout: 999999999h}\n", "m:4:19: '999999999h': input should be le"),
        (WORKLOADS + f"trials: {{memory_limit: {'9' * 400}}}\n", "m:4:24: '9999"),
        (WORKLOADS + f"trials: {{seed: {'9' * 5000}}}\n", "m:4:16: '9999"),
        (WORKLOADS + "trials: {max: 1.5}\n", "m:4:15: '1.5' is not a whole number"),
        (WORKLOADS + "question: {margin: nan}\n", "m:4:20: 'nan' is not a share"),
        (WORKLOADS + f"go2: {'9' * 5000}\n", "m:4:1: unknown key 'go2'"),
        (WORKLOADS + "question: !!python/name:os.system {}\n", "m:4:11: tags ('tag:yaml.org,"),
        (WORKLOADS + "? [a]\n: b\n", "m:4:3: a key must be a plain word"),
        (WORKLOADS + "---\n" + GOOD, "m:4:1: is not valid YAML: but found another document"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_what_it_is_for_is_one_message(
    path: Path, text: str, said: str
) -> None:
    assert refusal(path, GO + text).startswith(said)


@pytest.mark.parametrize(
    "go",
    ["~nouser/go", "./a/../..\x7f", "n" * 300],
)
def test_the_path_of_a_toolchain_is_checked(path: Path, go: str) -> None:
    assert "m:1:" in refusal(path, f'go: [{{path: "{go}"}}]\n{WORKLOADS}')


def test_a_version_of_thousands_of_digits_is_no_version(path: Path) -> None:
    assert "is not a Go toolchain name" in refusal(path, f"go: [go1.{'9' * 5000}]\n{WORKLOADS}")


@pytest.mark.parametrize(
    "server",
    [
        "ready: 'http://['",
        "ready: 'tcp://h:99999999'",
        "ready: {log: '('}",
        "ready: {log: 'a{1,99999999999}'}",
        f"ready: {{log: {'(' * 900}}}",
    ],
)
def test_urls_and_patterns_are_tried_when_they_are_read(path: Path, server: str) -> None:
    load_ = "load: {command: [x]}"
    text = f"{GO}workloads: [{{name: a, package: ./a, server: {{{server}, {load_}}}}}]\n"
    assert refusal(path, text).startswith("m:2:")


def test_text_of_another_encoding_is_refused_with_its_place(path: Path) -> None:
    assert refusal(path, GOOD.encode("utf-16")).startswith("m:1:1: is not UTF-8 text (byte 0)")
    assert refusal(path, GOOD.encode() + b"# caf\xe9\n").startswith("m:4:6: is not UTF-8 text")
    assert refusal(path, "\ud800").startswith("m:1:1: is not UTF-8 text")
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    assert load(path).spec.workloads[0].name == "a"


def test_what_is_no_ordinary_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "matrix.yaml")
    for place in (tmp_path / "matrix.yaml", Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(HarnessError, match="is not an ordinary file"):
            load(place)
    with pytest.raises(HarnessError, match="Is a directory"):
        load(tmp_path)
    (tmp_path / "loop.yaml").symlink_to("loop.yaml")
    with pytest.raises(HarnessError, match="cannot be read: Too many levels of symbolic links"):
        load(tmp_path / "loop.yaml")


def test_a_link_to_a_matrix_is_a_matrix(tmp_path: Path, path: Path) -> None:
    path.write_text(GOOD)
    (tmp_path / "other.yaml").symlink_to(path)
    assert load(tmp_path / "other.yaml").spec == load(path).spec


@pytest.mark.parametrize("name", [b"caf\xe9.matrix.yaml", b"a\x1b[2J.matrix.yaml", b"a\nb.yaml"])
def test_a_file_whose_name_cannot_be_printed_is_refused(tmp_path: Path, name: bytes) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_text(GOOD)
    with pytest.raises(HarnessError, match="cannot be printed; rename it"):
        load(path)


def test_paths_that_lead_nowhere_are_one_kind_of_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop").symlink_to("loop")
    for said in ("loop/x", "n" * 300, "~nouser/x"):
        with pytest.raises(HarnessError, match="leads nowhere"):
            beside(tmp_path, said)
    assert beside(tmp_path, "./absent") == tmp_path / "absent"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert beside(Path("/"), "~/a") == tmp_path / "a"


def test_a_huge_matrix_is_refused_in_little_memory(path: Path) -> None:
    axes = ", ".join(f"A{i}: [{', '.join(map(str, range(10)))}]" for i in range(7))
    path.write_text(GOOD + f"env: {{{axes}}}\n")
    script = (
        "import sys, resource\nfrom pathlib import Path\nfrom harness.matrix.load import load\n"
        "resource.setrlimit(resource.RLIMIT_CPU, (10, 10))\n"
        "try:\n    load(Path(sys.argv[1]))\nexcept Exception as error:\n    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, path], capture_output=True, text=True, check=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )  # fmt: skip
    assert "these make 20,000,000 variants" in done.stdout
