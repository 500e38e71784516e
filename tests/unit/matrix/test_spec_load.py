from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.matrix.document import SpecError
from harness.matrix.load import load
from harness.text.units import Increase

GOOD = """\
go: [go1.23.9, go1.24.3]
experiments: [[], [noswissmap]]
workloads:
  - {name: a, package: ./a}
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "matrix.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def errors(tmp_path: Path, text: str) -> list[str]:
    path = write(tmp_path, text)
    with pytest.raises(SpecError) as caught:
        load(path)
    return [line.removeprefix(str(path)) for line in str(caught.value).splitlines()]


def test_a_small_matrix_has_defaults(tmp_path: Path) -> None:
    spec = load(write(tmp_path, GOOD)).spec
    assert [t.name for t in spec.go] == ["go1.23.9", "go1.24.3"]
    assert spec.experiments == [[], ["noswissmap"]]
    assert spec.trials.timeout == 60
    assert spec.gates == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GOOD + "experimnts: []\n", ":5:1: unknown key 'experimnts'; did you mean 'experiments'?"),
        (GOOD + "go: [go1.24.3]\n", ":5:1: duplicate key 'go'; it is first given in line 1"),
        (GOOD.replace("go1.23.9", "1.20"), ":1:6: '1.20' is not a Go toolchain name; write go1.20"),
        (GOOD + "  - {package: ./b}\n", ":5:5: 'name' is missing here"),
        (GOOD + "trials: {min: few}\n", ":5:15: 'few' is not a whole number"),
        (GOOD + "trials: {min: 9, max: 3}\n", ":5:9: max (3) is below min (9)"),
        (GOOD + "trials: {timeout: 5}\n", ":5:19: '5' is not a duration; write it as 500ms, 10s"),
        (GOOD + "build: {cgo: maybe}\n", ":5:14: 'maybe' is neither auto, true nor false"),
        (GOOD + "build: {rac: true}\n", ":5:9: unknown key 'rac'; did you mean 'race'?"),
        (GOOD + "exclude: [{workload: b}]\n", ":5:22: there is no workload 'b'"),
        (
            GOOD + "  - {name: a, package: ./b}\n",
            ":5:5: 'a' is named twice; each needs its own name",
        ),
        (GOOD + "env: {GOGC: [50, 100, 50]}\n", ":5:23: '50' is listed twice; take one"),
        (GOOD + "build: {race: [true, true]}\n", ":5:22: 'true' is listed twice"),
        (
            GOOD.replace("[noswissmap]", "[a, b], [b, a]"),
            ":2:27: '[a, b]' is listed twice; take one of them away",
        ),
        (
            GOOD + "  - {name: b}\n",
            ":5:5: workload 'b' needs one of package:, module: and benchmark:",
        ),
        (GOOD + "  - {name: ../b, package: ./b}\n", ":5:12: '../b' cannot be a name"),
        (GOOD + "<<: {}\n", ":5:1: merge keys (<<) are not supported"),
        ("go: [go1.24.3\n", ":2:1: is not valid YAML"),
        ("", ":1:1: the file is empty"),
        ("- a\n", ":1:1: a matrix is a mapping"),
        ("go: [go1.24.3]\nworkloads: []\n", ":2:12: 'workloads' is empty"),
        ("go: [go1.24.3]\nworkloads: &w [*w]\n", ":2:12: aliases make this document endless"),
        ("go: [go1.24.3]\nworkloads: [\x01]\n", ":2:13: is not valid YAML: \\x01 is not allowed"),
    ],
)
def test_mistakes_name_line_and_column(tmp_path: Path, text: str, expected: str) -> None:
    lines = errors(tmp_path, text)
    assert len(lines) == 1
    assert lines[0].startswith(expected)


def test_every_mistake_is_told_in_the_order_of_the_file(tmp_path: Path) -> None:
    lines = errors(tmp_path, "go: [1.20, 1.21]\nworkloads: [5]\nfoo: 1\n")
    assert [line.split(": ")[0] for line in lines] == [":1:6", ":1:12", ":2:13", ":3:1"]


def test_scalars_stay_what_the_user_typed(tmp_path: Path) -> None:
    text = GOOD + "env: {GOGC: [off, 010, 1_000], GODEBUG: [a=1]}\n"
    assert load(write(tmp_path, text)).spec.env == {
        "GOGC": ["off", "010", "1_000"],
        "GODEBUG": ["a=1"],
    }


def test_units(tmp_path: Path) -> None:
    text = GOOD + (
        "trials: {timeout: 2m, memory_limit: 1.5GiB}\ngates: [{metric: wall, max_increase: 5%}]\n"
    )
    spec = load(write(tmp_path, text)).spec
    assert spec.trials.timeout == 120
    assert spec.trials.memory_limit == 3 << 29
    assert spec.gates[0].increase == Increase(share=0.05)


@pytest.mark.parametrize(
    ("gate", "highest", "increase"),
    [
        ("metric: rss.peak, max: 200MiB", 200 << 20, None),
        ("metric: rss.peak, max_increase: 5MiB", None, Increase(amount=5 << 20)),
        ("metric: rss.peak, max_increase: 0.05", None, Increase(share=0.05)),
        ("metric: allocs.objects, max: 0, max_increase: 10", 0, Increase(amount=10)),
        ("metric: allocs.objects, max_increase: 10%", None, Increase(share=0.1)),
        ("metric: latency.p99, max: 250us, max_increase: 1.5ms", 250e-6, Increase(amount=1.5e-3)),
        ("metric: heap.resident, max: 80%", 0.8, None),
        ("metric: requests.rate, max: 100/s", 100, None),
    ],
)
def test_gates_take_absolute_limits(
    tmp_path: Path, gate: str, highest: float | None, increase: Increase | None
) -> None:
    (found,) = load(write(tmp_path, f"{GOOD}gates: [{{{gate}}}]\n")).spec.gates
    assert found.highest == (None if highest is None else pytest.approx(highest))
    assert found.increase == increase
    assert type(found).model_validate_json(found.model_dump_json()) == found


@pytest.mark.parametrize(
    ("gate", "hint"),
    [
        ("metric: wall, max_increase: 5MiB", "'5MiB' is not a duration; write it as 500ms"),
        ("metric: wall, max: 5", "'5' is not a duration"),
        ("metric: rss.peak, max: 5%", "max of rss.peak: '5%' is not a size"),
        ("metric: rss.peak, max_increase: 5s", "'5s' is not a size; write it as 200MiB, or as"),
        ("metric: allocs.objects, max: 1MiB", "'1MiB' is not a plain number"),
        ("metric: allocs.objects, max_increase: 0.05", "write 5% for a part"),
        ("metric: rss.peak, max_increase: -5%", "'-5%' is not a share"),
        ("metric: rss.peak, max_increase: much", "'much' is not a size"),
        ("metric: rss.peak, max_increase: 1048576", "write 5%, or an amount, as 500B"),
        ("metric: wall, max_increase: 5", "write 5%, or an amount, as 500ms"),
        (f"metric: rss.peak, max: {'9' * 400}GiB", "is not a size"),
        ("metric: rss.peak, max: [1]", "a word or text"),
        ("metric: rss.peak", "a gate needs a limit"),
    ],
)
def test_limits_in_the_wrong_unit_are_told_with_their_place(
    tmp_path: Path, gate: str, hint: str
) -> None:
    line = f"gates: [{{{gate}}}]"
    (error,) = errors(tmp_path, f"{GOOD}{line}\n")
    place = line.rindex(": ") + 2 if "max" in gate else line.index("{")
    assert error.startswith(f":5:{place + 1}: ")
    assert hint in error


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("", False),
        ("question: {metrics: [rss.peak, heap.live]}", False),
        ("question: {metrics: [rss.peak, cpu.user]}", True),
        ("question: {metrics: ['BenchmarkA ns/op']}", True),
        ("question: {metrics: ['BenchmarkA allocs/op']}", False),
        ("gates: [{metric: wall, max_increase: 5%}]", True),
        ("gates: [{metric: rss.peak, max_increase: 5%}]", False),
    ],
)
def test_a_matrix_that_is_about_time(tmp_path: Path, more: str, *, expected: bool) -> None:
    """Its binaries get pads, which cost a further link."""
    text = f"go: [go1.24.3]\nworkloads: [{{name: a, package: .}}]\n{more}\n"
    assert load(write(tmp_path, text)).spec.measures_time is expected


def test_a_huge_document_made_of_aliases_is_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert "endless or huge" in errors(tmp_path, "\n".join(lines))[0]


@given(st.text(max_size=200))
def test_any_text_gives_a_matrix_or_one_kind_of_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = write(tmp_path_factory.mktemp("any"), text.encode("utf-8", "ignore").decode())
    with pytest.raises(SpecError):
        load(path)
