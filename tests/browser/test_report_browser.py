"""The report in a real browser: what a reader sees, and that nothing hostile comes alive."""

import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from accounted import origin, with_accounts
from explained import explanation
from playwright.sync_api import Browser, Page, expect, sync_playwright
from profiles import field, profile, varint
from services import missing
from several_hosts import ANT, BEE, COW, measured
from synthetic import ORIGIN, make_run

from harness.analysis.conclusion import conclude
from harness.bisect.page import render_bisection
from harness.bisect.points import Finding
from harness.bisect.record import Bisection, Culprit, Request, Stage, Step
from harness.explain.page import render_explanation
from harness.explain.record import Cure, Where
from harness.metrics.account import PARTS
from harness.report.history import render_history
from harness.report.page import render_html
from harness.run.series import write_series
from harness.run.store import Run
from harness.text.visible import first_unseen

pytestmark = pytest.mark.browser

CHROMIUM = "chromium"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
MIB = 1 << 20
AXE = Path(__file__).parent / "axe" / "axe.min.js"
WORKLOADS = [{"name": "large-buffers", "package": "./a"}, {"name": "live-map", "package": "./b"}]
MATRIX = ORIGIN | {"workloads": WORKLOADS, "gates": [{"metric": "rss.peak", "max_increase": "5%"}]}
HOSTILE = (
    "</script></style><script>window.hit=1</script><img src=x onerror=window.hit=1>"
    "<svg onload=window.hit=1>\"' onmouseover=window.hit=1 x=' | \u202e\x1b[31m{{7*7}}"
)
SCROLLING = """[...document.querySelectorAll('*')].filter(e =>
    e.scrollWidth > e.clientWidth + 1 && !e.querySelector('table') &&
    ['auto', 'scroll'].includes(getComputedStyle(e).overflowX)
).map(e => e.outerHTML.slice(0, 80))"""
"""What scrolls sideways and holds no table."""
SIZES = [(360, 740), (768, 1024), (1280, 800), (3840, 2160)]


def measure(workload: str, variant: str, number: int) -> dict[str, float | None]:
    hot = variant.startswith("go1.24.3") and workload == "large-buffers"
    peak = (422 if hot else 270) * MIB + 997.0 * number
    return {
        "rss.peak": peak, "rss.end": peak * 0.98, "runtime.mapped": 260.0 * MIB,
        "heap.live": 200.0 * MIB, "heap.objects": 230.0 * MIB, "heap.unused": 10.0 * MIB,
        "heap.free": 9.0 * MIB, "heap.stacks": 1.0 * MIB, "unseen": peak * 0.98 - 260.0 * MIB,
        "cpu.user": 1.2 + 0.01 * (number % 3), "gc.cycles": 9.0,
    }  # fmt: skip


def with_details(run: Run) -> Run:
    """Series, regions and logs as a real run has them."""
    trials = []
    for index, trial in enumerate(run.trials):
        name = f"series/{index}.json"
        peak = trial.metrics["rss.peak"] or 0
        write_series(run.path, name, [(t / 50, int(peak * min(1, t / 40))) for t in range(60)])
        regions = {
            "go heap": {"size": 512 * MIB, "rss": int(peak)},
            "text": {"size": MIB, "rss": 9},
        }
        log = "" if trial.ok else "panic: out of luck"
        trials.append(trial.model_copy(update={"series": name, "smaps": regions, "log": log}))
    return Run(run.path, run.manifest, tuple(trials))


def fails(_workload: str, variant: str, _number: int) -> str:
    return "exit 2" if variant == "go1.24.11+noswissmap" else "ok"


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("run")
    run = with_details(make_run(measure, MATRIX, path=path, outcome=fails))
    beside = {"heap.untouched": 98.7 * MIB, "heap.zero": 97.2 * MIB, "probe.memory": 1.0 * MIB}
    run = with_accounts(run, origin, beside)
    target = path / "report.html"
    target.write_text(render_html(run, conclude(run)), encoding="utf-8")
    return target


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of three hosts, one with a stranger's name and twice the level."""
    stranger = COW.model_copy(update={"name": HOSTILE, "kernel": HOSTILE})
    run = measured((ANT, BEE, stranger), level=lambda h, _m: 2.0 if h is stranger else 1.0)
    target = tmp_path_factory.mktemp("shared") / "report.html"
    target.write_text(render_html(run, conclude(run)), encoding="utf-8")
    return target


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = shutil.which(CHROMIUM) or shutil.which("chromium-browser")
    if path is None:
        missing("Chromium is not installed; on Debian: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=Path(path), args=list(FLAGS))
        yield browser
        browser.close()


def unfold(page: Page) -> None:
    page.evaluate("document.querySelectorAll('details').forEach(node => { node.open = true; })")


Opener = Callable[..., Page]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Opener]:
    """Opens a page; at the end no console error may have come up, and no request left it."""
    errors: list[str] = []
    requests: list[str] = []
    contexts = []

    def start(path: Path, size: tuple[int, int] = (1280, 800), **options: object) -> Page:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            **options,  # type: ignore[arg-type] # handed on as they are
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: errors.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        requests.remove(path.as_uri())
        return page

    yield start
    for context in contexts:
        context.close()
    assert errors == []
    assert requests == []


def test_the_verdict_is_visible_without_scrolling(visit: Opener, report: Path) -> None:
    page = visit(report)
    for text in ("rss.peak is 56 % higher", "swissmap ruled out", "1 of 2 gates failed"):
        element = page.get_by_text(re.compile(text.replace(" ", r"\s+"))).first
        box = element.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 800, text


@pytest.mark.parametrize("size", SIZES)
def test_the_layout_holds_at_every_size(visit: Opener, report: Path, size: tuple[int, int]) -> None:
    page = visit(report, size)
    unfold(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_on_a_phone_only_tables_scroll_sideways(visit: Opener, report: Path) -> None:
    page = visit(report, (360, 740))
    unfold(page)
    assert page.evaluate(SCROLLING) == []


def test_the_names_of_suspects_are_not_cut(visit: Opener, report: Path) -> None:
    page = visit(report)
    chart = page.locator("#suspects svg.chart")
    frame = chart.bounding_box()
    texts = chart.locator(".role-axis-label text").all()
    names = [text for text in texts if "mutex" in (text.text_content() or "")]
    assert frame is not None
    assert names
    for name in names:
        box = name.bounding_box()
        assert box is not None
        assert frame["x"] <= box["x"] < box["x"] + box["width"] <= frame["x"] + frame["width"]


def test_the_account_of_resident_memory_adds_up_in_the_words_of_its_parts(
    visit: Opener, report: Path
) -> None:
    page = visit(report)
    table = page.get_by_role("region", name="Resident memory of large-buffers by part")
    expect(table).to_be_visible()
    words = table.locator("tbody th").all_inner_texts()
    assert {word.strip() for word in words} <= {*PARTS.values()}
    assert words[0].strip() == "live objects"
    for column, whole in ((1, 243.01), (2, 341.98), (3, 98.97)):
        texts = table.locator(f"td:nth-child({column + 1})").all_inner_texts()
        *parts, total = (float(text.replace("\u2212", "-")) for text in texts)
        assert sum(parts) == pytest.approx(total, abs=1e-9)
        assert total == whole
    swatches = table.locator("tbody th rect").evaluate_all(
        "nodes => nodes.map(n => n.getAttribute('fill'))"
    )
    marks = page.locator("#account .chart [data-v]").evaluate_all(
        "nodes => nodes.map(n => n.getAttribute('fill'))"
    )
    assert {*swatches} - {*marks} == {"#4a525b"}  # a remainder below zero has no bar
    bars = page.locator('#account .chart [data-v="go1.24.3"]')
    live, outline = bars.first.bounding_box(), bars.last.bounding_box()
    assert live is not None
    assert outline is not None
    assert outline["x"] > live["x"] + live["width"]
    assert "untouched, not resident 98.7 MiB" in (page.locator("#account").text_content() or "")
    expect(
        page.get_by_text(re.compile("never written and so only zeros: 97.2 MiB")).first
    ).to_be_visible()


def test_sorting(visit: Opener, report: Path) -> None:
    page = visit(report)
    table = page.locator("table.metrics").first
    head = table.get_by_role("button", name="To", exact=True)
    head.click()
    column = "td:nth-child(9)"
    titles = table.locator(column).evaluate_all("nodes => nodes.map(n => parseFloat(n.title))")
    assert titles == sorted(titles)
    assert titles[0] < titles[-1]
    head.click()
    titles = table.locator(column).evaluate_all("nodes => nodes.map(n => parseFloat(n.title))")
    assert titles == sorted(titles, reverse=True)
    expect(table.locator("th[aria-sort=descending]")).to_have_text("To")


def test_filtering_unfolds_what_it_finds(visit: Opener, report: Path) -> None:
    page = visit(report)
    folded = page.locator("#folded")
    expect(folded).not_to_have_attribute("open", "")
    page.get_by_label("Filter the metrics").fill("cpu.user live-map go1.24.11")
    expect(folded).to_have_attribute("open", "")
    rows = page.locator("table.metrics tbody tr:visible")
    assert rows.count() > 0
    for text in rows.all_inner_texts():
        assert "cpu.user" in text
        assert "live-map" in text
    page.get_by_label("Filter the metrics").fill("")
    everything = page.locator("table.metrics tbody tr")
    assert page.locator("table.metrics tbody tr:visible").count() == everything.count()


def test_highlighting_one_variant_everywhere(visit: Opener, report: Path) -> None:
    page = visit(report)
    page.get_by_label("Highlight a variant").select_option("go1.24.3+noswissmap")
    lit = page.locator(".lit")
    names = lit.evaluate_all("nodes => [...new Set(nodes.map(n => n.dataset.v))]")
    tags = set(lit.evaluate_all("nodes => nodes.map(n => n.tagName.toLowerCase())"))
    assert names == ["go1.24.3+noswissmap"]
    assert tags == {"tr", "path", "circle"}
    other = page.locator('#order-rss-peak [data-v="go1.23.9"]').first
    assert other.evaluate("node => Number(getComputedStyle(node).opacity)") < 0.5
    page.keyboard.press("Escape")
    expect(page.locator(".lit")).to_have_count(0)


def test_a_click_on_a_mark_highlights_its_variant(visit: Opener, report: Path) -> None:
    page = visit(report)
    page.locator('#order-rss-peak [data-v="go1.24.3"]').first.dispatch_event("click")
    expect(page.get_by_label("Highlight a variant")).to_have_value("go1.24.3")


def test_zooming_the_time_axis(visit: Opener, report: Path) -> None:
    page = visit(report)
    section = page.locator("#time-1")
    labels = section.locator(".role-axis-label text")
    before = labels.all_text_contents()
    section.get_by_label("From").evaluate(
        "node => { node.value = 50; node.dispatchEvent(new Event('input')); }"
    )
    assert labels.all_text_contents() != before
    marks = section.locator(".mark-line.role-mark > g").first
    assert "scale(2,1)" in (marks.get_attribute("transform") or "")


def test_the_theme_follows_the_system_and_the_button(visit: Opener, report: Path) -> None:
    page = visit(report, color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(paper) == "rgb(17, 20, 23)"
    page.get_by_role("button", name="Light").click()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"


def test_without_scripts_every_chart_and_number_is_there(visit: Opener, report: Path) -> None:
    page, scripted = visit(report, java_script_enabled=False), visit(report)
    for selector in ("svg.chart", "svg.chart path", "table.metrics tbody tr", "table td"):
        assert page.locator(selector).count() == scripted.locator(selector).count() > 0, selector
    page.locator("#folded > summary").click()
    expect(page.locator("#folded table")).to_be_visible()
    expect(page.locator("#highlight")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_hosts_of_a_run_are_inert_fit_and_are_accessible(
    visit: Opener, shared: Path, scheme: str
) -> None:
    page = visit(shared, (360, 740), color_scheme=scheme, bypass_csp=True)
    unfold(page)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(SCROLLING) == []
    table = page.get_by_role("region", name="large, rss.peak by host")
    assert table.locator("tbody tr").count() == 3
    assert [text.strip() for text in table.locator("tfoot tr").inner_text().split("\t")][:2] == [
        "all hosts", "24",
    ]  # fmt: skip
    drawn = [strip.bounding_box() for strip in table.locator("svg.strip circle").all()]
    assert len(drawn) == 4
    assert max(b["x"] for b in drawn if b) - min(b["x"] for b in drawn if b) < 12
    assert "host levels" in (page.locator("#warnings").text_content() or "")
    assert serious_violations(page) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_serious_violation_of_accessibility(visit: Opener, report: Path, scheme: str) -> None:
    page = visit(report, color_scheme=scheme, bypass_csp=True)
    unfold(page)
    assert serious_violations(page) == []


def serious_violations(page: Page) -> list[tuple[str, str, list[str]]]:
    """Nodes that pass are not told one by one, of which a report has thousands."""
    page.add_script_tag(path=AXE)
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    assert found["passes"]
    return [
        (v["id"], v["help"], [n["html"][:160] for n in v["nodes"][:3]])
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("text", ["go1.24.3", HOSTILE])
def test_the_page_of_a_bisection_is_inert_fits_and_is_accessible(
    visit: Opener, tmp_path: Path, scheme: str, text: str
) -> None:
    target = tmp_path / "bisection.html"
    target.write_text(render_bisection(bisection_of(text)), encoding="utf-8")
    page = visit(target, (360, 740), color_scheme=scheme, bypass_csp=True)
    unfold(page)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.locator("svg.chart").count() == 1
    assert "+59.8" in (page.locator("body").text_content() or "")
    assert serious_violations(page) == []


def bisection_of(text: str) -> Bisection:
    """Every field that may hold foreign text does."""
    request = Request(matrix=text, matrix_text=text, workload=text, metric="rss.peak", good=text,
                      bad=text, repository=text, seed=1)  # fmt: skip
    findings = (
        Finding(point=text, state="good", ratio=1.0, ci=(0.99, 1.01), rounds=3),
        Finding(point=f"{text}.", state="bad", ratio=1.598, ci=(1.59, 1.6), rounds=3),
        Finding(point=f"{text}..", state="unresolved", reason=text),
    )
    culprit = Culprit(commit=text, title=text, author=text, date=text, stat=text, note=text)
    stage = Stage(
        kind="commits", title="Commits", older=text, newer=text, answer=text, stopped=text,
        steps=tuple(Step(finding=f, command=text, what=text) for f in findings),
        functions=(text,), files=(text,), confirmed=(text,), patch=text, remedy=text,
        culprit=culprit, passed_over=(text,), again=(text,),
    )  # fmt: skip
    return Bisection(request=request, unit="bytes", direction="regression", changed=True,
                     headline=text, stages=(stage,), finished=True)  # fmt: skip


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("story") / "report.html"
    target.write_text(render_explanation(explanation()), encoding="utf-8")
    return target


def test_an_explanation_has_a_heading_a_step_and_folds_the_detail(
    visit: Opener, story: Path
) -> None:
    page = visit(story)
    assert page.locator("h2").all_inner_texts() == [
        "Answer", "1. What changed", "2. Which release brought it",
        "3. What can be turned on and off", "4. Which code of the standard library",
        "5. The cure", "The whole search again",
    ]  # fmt: skip
    rows = page.locator("#changes tbody tr").all_inner_texts()
    assert [row.split("\t")[0] for row in rows] == ["orders", "importer"]
    measured = page.locator("#step-4 details.full table")
    expect(measured).to_be_hidden()
    expect(page.get_by_text("needzero && span.needzero").first).to_be_visible()
    page.locator("#step-4 details.full > summary").click()
    expect(measured).to_be_visible()
    assert measured.locator("tbody tr").count() == 120
    boxes = [page.locator(at).bounding_box() for at in ("header h1", "#answer", "#step-4")]
    assert len({box["x"] for box in boxes if box}) == 1  # one column


def test_an_explanation_prints_on_two_pages(visit: Opener, story: Path) -> None:
    page = visit(story, (718, 1000))  # A4 without its margins
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) <= 2
    page.emulate_media(media="print")
    expect(page.get_by_text("needzero && span.needzero").first).to_be_visible()
    expect(page.locator("details.full").first).to_be_hidden()
    wide = """[...document.querySelectorAll("td, th, p, pre")].filter(node =>
        node.checkVisibility() && node.getBoundingClientRect().right > innerWidth)
        .map(node => node.outerHTML.slice(0, 80))"""
    assert page.evaluate(wide) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_explanation_is_inert_fits_and_is_accessible(
    visit: Opener, tmp_path: Path, scheme: str
) -> None:
    known, text = explanation(hybrids=3), HOSTILE
    cure = Cure(what=text, restored=True, answer=text, gone=(text,))
    hostile = known.causes[0].model_copy(update={"bisection": bisection_of(text), "cure": cure})
    request = known.request.model_copy(update={"subject": text, "older": text, "args": (text,)})
    change = known.changes[0].model_copy(update={"workload": text, "same_as": text})
    known = known.model_copy(
        update={
            "request": request, "headline": text, "causes": (*known.causes, hostile),
            "changes": (*known.changes, change), "moved": (text,), "doing": text,
            "where": (Where(workload=text, sentence=text),), "finished": False,
            "refused": (text,),
        }
    )  # fmt: skip
    target = tmp_path / "report.html"
    target.write_text(render_explanation(known), encoding="utf-8")
    page = visit(target, (360, 740), color_scheme=scheme, bypass_csp=True)
    unfold(page)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate(SCROLLING) == []
    assert serious_violations(page) == []


def test_the_history_of_hostile_runs_is_inert_and_fits(visit: Opener, tmp_path: Path) -> None:
    run = hostile_run(tmp_path)
    target = tmp_path / "history.html"
    target.write_text(render_history([(run, conclude(run))] * 2), encoding="utf-8")
    page = visit(target, (360, 740), bypass_csp=True)
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def hostile_run(path: Path) -> Run:
    seen = "".join(c for c in HOSTILE if not first_unseen(c))  # an axis holds no others
    matrix = MATRIX | {"env": {"EVIL": [seen]}, "question": None, "experiments": [[]]}

    def fails_hostile(_workload: str, variant: str, number: int) -> str:
        return HOSTILE if variant.startswith("go1.24.11") and number == 1 else "ok"

    run = with_details(make_run(measure, matrix, path=path, outcome=fails_hostile))
    stack = field(1, varint(2) + varint(1))
    (path / "heap.pb.gz").write_bytes(profile([(stack, 300 * MIB)], leaf=HOSTILE))
    trials = tuple(
        t.model_copy(
            update={
                "log": HOSTILE,
                "profile": "heap.pb.gz",
                "smaps": {HOSTILE: {"size": MIB, "rss": MIB}},
                "account": {HOSTILE: 7 * MIB, "live": 5 * MIB},
                "metrics": dict(t.metrics) | {HOSTILE: 1.0 + t.round},
            }
        )
        for t in run.trials
    )
    host = run.manifest.host.model_copy(update={"name": HOSTILE, "kernel": HOSTILE})
    texts = {"name": HOSTILE, "matrix_path": HOSTILE, "matrix_text": HOSTILE}
    manifest = run.manifest.model_copy(
        update={**texts, "host": host, "command": ("gomatrix", HOSTILE)}
    )
    return Run(run.path, manifest, trials)


def test_hostile_strings_are_inert(visit: Opener, tmp_path: Path) -> None:
    run = hostile_run(tmp_path)
    target = tmp_path / "report.html"
    target.write_text(render_html(run, conclude(run)), encoding="utf-8")
    assert "Live heap by stack" in target.read_text(encoding="utf-8")
    page = visit(target, bypass_csp=True)  # the escaping must hold without the policy's help
    unfold(page)
    page.locator("#highlight").select_option(index=1)
    page.get_by_label("Filter the metrics").fill("<script>")
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    assert page.locator("img").count() == 0
    handlers = """[...document.querySelectorAll("*")]
        .flatMap(node => node.getAttributeNames()).filter(name => name.startsWith("on"))"""
    assert page.evaluate(handlers) == []
    body = page.locator("body").text_content() or ""
    assert "<script>window.hit=1</script>" in body
    assert "\u202e" not in body
    assert "49" not in page.locator("h1").inner_text()
    words = page.locator("#account tbody th").all_inner_texts()
    assert {word.strip() for word in words} == {PARTS["live"], PARTS["remainder"]}


def test_the_policy_alone_stops_a_planted_script(
    browser: Browser, report: Path, tmp_path: Path
) -> None:
    planted = "<img src=x onerror='window.hit=1'><script>window.hit=1</script></main>"
    target = tmp_path / "planted.html"
    target.write_text(
        report.read_text(encoding="utf-8").replace("</main>", planted), encoding="utf-8"
    )
    page = browser.new_page()
    page.goto(target.as_uri())
    page.wait_for_timeout(200)
    assert page.evaluate("window.hit") is None
    page.close()
