import csv
import gzip
import io
import json
import re
import statistics
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml
from click.testing import CliRunner
from explained import explanation
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from profiles import field, profile, varint
from synthetic import ORIGIN, make_run
from verdicts import make_verdict

from harness.analysis.conclusion import conclude
from harness.cli import main
from harness.cli.schema import SCHEMAS, json_schema
from harness.profiles.pprof import parse_heap
from harness.report.formats import FORMATS, write_reports
from harness.report.markdown import LIMIT, code, plain, render_markdown
from harness.report.page import render_html
from harness.report.terminal import full_summary
from harness.run.store import Run, append_trial, write_json
from harness.text.visible import visible

MIB = 1 << 20


def measure(_workload: str, variant: str, number: int) -> dict[str, float | None]:
    resident = (422 if variant.startswith("go1.24.3") else 270) * MIB * (1 + 0.002 * number)
    return {"rss.peak": resident, "cpu.user": 1.25, "heap.live": None}


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run(
        measure, outcome=lambda _w, v, r: "exit 2" if (v, r) == ("go1.23.9", 2) else "ok"
    )


def render(run: Run, name: str) -> str:
    return FORMATS[name](run, make_verdict(run, "go1.23.9", "go1.24.3"))


def test_csv_holds_every_value_in_full(run: Run) -> None:
    rows = list(csv.DictReader(io.StringIO(render(run, "csv"))))
    peaks = [r for r in rows if r["metric"] == "rss.peak"]
    assert len(peaks) == len(run.trials)
    assert [float(r["value"]) for r in peaks] == [t.metrics["rss.peak"] for t in run.trials]
    assert {r["value"] for r in rows if r["metric"] == "heap.live"} == {""}


def test_json_holds_every_trial(run: Run) -> None:
    document = json.loads(render(run, "json"))
    assert len(document["trials"]) == len(run.trials)
    assert document["variants"][0]["toolchain"] == "go1.23.9"


def test_benchmark_format_has_one_line_a_good_trial(run: Run) -> None:
    keys: dict[str, str] = {}
    values: dict[tuple[str, str], list[float]] = {}
    for line in render(run, "benchfmt").splitlines():
        if line.startswith("Benchmark"):
            _, count, *rest = line.split()
            assert count == "1"
            pairs = dict(zip(rest[1::2], rest[::2], strict=True))
            values.setdefault((keys["toolchain"], keys["experiments"]), []).append(
                float(pairs["rss.peak-bytes"])
            )
        elif not line.startswith("Unit "):
            key, _, value = line.partition(": ")
            keys[key] = value
    assert len(values["go1.23.9", "default"]) == 5  # the sixth trial failed
    expected = [
        t.metrics["rss.peak"] or 0 for t in run.trials if t.variant == "go1.24.3+noswissmap"
    ]
    assert statistics.median(values["go1.24.3", "noswissmap"]) == statistics.median(expected)


def test_junit_counts_trials_and_gates(run: Run) -> None:
    root = ET.fromstring(render(run, "junit"))  # noqa: S314 - made a line above
    trials, gates = root.findall("testsuite")
    assert trials.attrib["errors"] == "1"
    assert trials.attrib["skipped"] == "3"
    assert gates.attrib["failures"] == "1"
    assert int(trials.attrib["tests"]) == len(run.trials) + 3


def test_two_gates_on_one_metric_have_names_of_their_own() -> None:
    limits = [{"max_increase": "5%"}, {"max": "1GiB"}, {"max_increase": "8MiB"}, {"max": "1GiB"},
              {"max_increase": "5%", "baseline": "go1.24.11"}]  # fmt: skip
    gates = [{"metric": "rss.peak", **limit} for limit in limits]
    gates.append({"metric": "wall", "max": "9s"})
    found = make_run(measure, ORIGIN | {"gates": gates})

    root = ET.fromstring(FORMATS["junit"](found, conclude(found)))  # noqa: S314 - made a line above

    names = [case.attrib["name"] for case in root.iterfind("testsuite[@name='gates']/testcase")]
    same = "large-buffers-rss.peak-go1.24.3-max"
    assert names == [
        f"gate[{same}_increase 5 % against go1.23.9]", f"gate[{same} 1.00 GiB]",
        f"gate[{same}_increase 8.00 MiB against go1.23.9]", f"gate[{same} 1.00 GiB-1]",
        f"gate[{same}_increase 5 % against go1.24.11]", "gate[large-buffers-wall-go1.24.3]",
    ]  # fmt: skip


def test_markdown_says_what_matters(run: Run) -> None:
    text = render(run, "md")
    assert "go1.24.3 uses more memory than go1.23.9." in text
    assert "**FAILED**" in text
    assert "| `go1.24.3+noswissmap` |" in text


def test_markdown_of_a_large_run_fits_a_comment() -> None:
    names = [{"name": f"w{i}", "package": "./x"} for i in range(100)]
    run = make_run(measure, ORIGIN | {"workloads": names, "trials": 1})
    text = render(run, "md")
    assert len(text.encode()) <= LIMIT
    assert "more in the HTML report" in text
    assert visible_rows(text) <= 25
    assert text.count("<details>") == text.count("</details>") > 0


def visible_rows(text: str) -> int:
    """Rows of tables, without their headings, that show before anything is unfolded."""
    shown = re.sub(r"<details>.*?</details>", "", text, flags=re.DOTALL)
    tables = shown.count("|---")
    rows = [line for line in shown.splitlines() if line.startswith("| ")]
    return len(rows) - (len(re.findall(r"^\|---", shown, flags=re.MULTILINE)) if tables else 0)


def test_markdown_has_each_fact_once_and_folds_the_rest() -> None:
    def many(_workload: str, variant: str, number: int) -> dict[str, float | None]:
        grown = variant.startswith("go1.24.3")
        size = (259.0 if grown else 162.0) * MIB + number
        small = (30.0 if grown else 20.0) * MIB
        same = ("rss.peak", "rss.end", "rss.anon", "pss", "uss", "tree.rss.peak", "tree.pss")
        return {**dict.fromkeys(same, size), "rss.file": small, "gc.cycles": 9.0 if grown else 4.0}

    run = make_run(many)
    text = render_markdown(run, conclude(run))
    table = text.partition("### Changed metrics")[2].partition("###")[0]
    rest = text.partition("<details>")[2]
    rows = re.findall(r"^\| large-buffers \| `([a-z.]+)`", table, flags=re.MULTILINE)
    assert rows == ["rss.peak", "rss.file", "gc.cycles"]
    assert "| 162 → 259 MiB | +59.9 % |" in table
    assert all(f"| `{name}` | `go1.24.3` |" in rest for name in ("pss", "uss", "tree.pss"))
    assert "`go1.24.3+noswissmap`" not in table
    assert "`go1.24.3+noswissmap`" in rest
    assert visible_rows(text) <= 25


@given(st.text())
def test_plain_text_opens_nothing(text: str) -> None:
    shown = plain(text)
    assert "<" not in shown
    assert "@" not in shown
    assert "\n" not in shown
    unescaped = shown.replace("\\\\", "").replace("\\[", "").replace("\\`", "").replace("\\|", "")
    assert not set("[`|") & set(unescaped)


@given(st.text())
def test_a_code_span_holds_its_text_as_it_is(text: str) -> None:
    shown = code(text).replace("\\|", "|")
    fence = re.match("`*", shown)
    assert fence is not None
    inner = shown[len(fence[0]) : -len(fence[0])] if fence[0] else ""
    assert "`" * len(fence[0]) not in re.findall("`+", inner)  # nothing in it closes it
    assert inner.strip(" ") == " ".join(visible(text).split())


def test_values_that_differ_in_a_quote_have_names_of_their_own() -> None:
    assert len({code(name) for name in ("A=`1`", "A='1'", 'A="1"')}) == 3


def test_reports_are_written_and_the_summary_grows(tmp_path: Path) -> None:
    run = make_run(measure, path=tmp_path)
    verdict = make_verdict(run, "go1.23.9", "go1.24.3")
    summary = tmp_path / "summary"
    summary.write_text("before\n")
    write_reports(run, verdict, summary=summary)
    assert summary.read_text() == "before\n" + render_markdown(run, verdict)
    assert (tmp_path / "report.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_json_and_name_their_dialect(name: str) -> None:
    schema = json.loads(json.dumps(json_schema(name)))
    assert schema["$schema"].endswith("2020-12/schema")
    assert schema["additionalProperties"] is False


ROOT = Path(__file__).parents[3]


def test_the_matrix_schema_takes_what_users_write() -> None:
    validator = Draft202012Validator(json_schema("matrix"))
    validator.check_schema(json_schema("matrix"))
    assert list(validator.iter_errors(yaml.safe_load((ROOT / "matrix.yaml").read_text()))) == []
    short = {
        "go": "go1.24.3",
        "workloads": [{"name": "w", "package": "./w"}],
        "env": {"GOGC": 100},
        "trials": {"timeout": "2m", "memory_limit": "4GiB"},
        "gates": [{"metric": "rss.peak", "max_increase": "5%"}],
    }
    assert list(validator.iter_errors(short)) == []
    assert list(validator.iter_errors(short | {"worklods": []}))
    assert list(validator.iter_errors(short | {"workloads": []}))


def test_the_verdict_schema_takes_a_verdict(run: Run) -> None:
    verdict = conclude(run)
    document = json.loads(verdict.model_dump_json())
    validator = Draft202012Validator(json_schema("verdict"))
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(document | {"schema": 2}))


def test_the_schema_of_explanations_takes_one() -> None:
    document = json.loads(explanation().model_dump_json())
    validator = Draft202012Validator(json_schema("explain"))
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors(document | {"finished": "soon"}))


def test_heap_profile_by_stack_root_first() -> None:
    packed, plain_ids = field(1, varint(2) + varint(1)), field(1, 1)
    data = profile([(packed, 300 * MIB), (plain_ids, 5), (packed, 7)])
    assert parse_heap(data) == {("main.main", "main.fill"): 300 * MIB + 7, ("main.main",): 5}


@given(st.binary(max_size=60), st.booleans())
def test_damaged_profiles_are_refused_in_one_way(data: bytes, compressed: bool) -> None:  # noqa: FBT001 - hypothesis
    with pytest.raises(ValueError, match="profile"):
        parse_heap(gzip.compress(data) if compressed else data)


def test_a_heap_of_less_than_no_bytes_is_no_profile() -> None:
    data = profile([(field(1, 1), 5), (field(1, 2), 1 << 63)])
    with pytest.raises(ValueError, match="less than no bytes"):
        parse_heap(data)


def test_commands(tmp_path: Path) -> None:
    run = make_run(measure, path=tmp_path / "run")
    run.path.mkdir()
    write_json(run.path / "run.json", run.manifest)
    for trial in run.trials:
        append_trial(run.path, trial)
    runner = CliRunner()
    wrong = runner.invoke(main, ["profile", str(run.path), "larg-buffers", "go1.24.3"])
    assert "there is no workload 'larg-buffers'; did you mean" in wrong.output
    target = tmp_path / "out.csv"
    done = runner.invoke(main, ["report", str(run.path), "--format", "csv", "-o", str(target)])
    assert done.exit_code == 0, done.output
    assert target.read_text() == FORMATS["csv"](Run.load(run.path), conclude(run))
    assert runner.invoke(main, ["report", str(run.path)]).output.startswith("<!doctype html>")
    several = ["report", str(run.path), str(run.path), "--format"]
    assert "## 2 runs of" in runner.invoke(main, [*several, "md"]).output
    assert runner.invoke(main, [*several, "csv"]).exit_code == 2
    assert json.loads(runner.invoke(main, ["schema", "verdict"]).output) == json_schema("verdict")


def test_every_format_says_that_a_baseline_is_zero() -> None:
    matrix = {**ORIGIN, "question": {"baseline": "go1.23.9", "candidate": "go1.24.3",
                                     "metrics": ["faults.major"]},
              "gates": [{"metric": "faults.major", "max_increase": "100%"}]}  # fmt: skip
    run = make_run(lambda _w, v, _r: {"faults.major": 7.0 * v.startswith("go1.24.3")}, matrix)
    verdict = conclude(run)
    html, markdown = render_html(run, verdict), render_markdown(run, verdict)
    assert "+7, the baseline is zero" in html
    assert "| `faults.major` | 0 → 7 | +7, the baseline is zero | exact |" in markdown
    for text in (html, markdown, "\n".join(full_summary(verdict))):
        assert (
            "faults.major is 7 higher with go1.24.3 than with go1.23.9, the baseline is zero"
            in text
        )
        assert "+100 % of a baseline that is zero, which is 0, observed +7" in text
