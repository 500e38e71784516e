"""A run as JUnit XML: a test for each trial and each gate."""

from xml.etree.ElementTree import Element, SubElement, indent, tostring

from harness.analysis.gate_names import name_gates
from harness.analysis.models import Verdict
from harness.run.store import Run
from harness.text.visible import visible


def render_junit(run: Run, verdict: Verdict) -> str:
    """Render suites of workloads and gates; failed trials are errors with their logs."""
    root = Element("testsuites", name=visible(run.manifest.name))
    skipped = [cell for cell in verdict.cells if cell.status == "not applicable"]
    for workload in dict.fromkeys(cell.workload for cell in run.manifest.plan.cells):
        suite = SubElement(root, "testsuite", name=visible(workload))
        for trial in run.trials:
            if trial.workload != workload:
                continue
            name = f"{trial.variant}-r{trial.round:02}"
            case = _case(suite, workload, name, trial.metrics.get("wall"))
            if not trial.ok:
                error = SubElement(case, "error", message=visible(trial.outcome))
                error.text = visible(trial.log)
        for cell in skipped:
            if cell.workload == workload:
                case = _case(suite, workload, cell.variant)
                SubElement(case, "skipped", message=visible(cell.reason or cell.status))
        _count(suite)
    gates = SubElement(root, "testsuite", name="gates")
    for gate, name in zip(verdict.gates, name_gates(verdict.gates), strict=True):
        case = _case(gates, "gates", name)
        if not gate.passed:
            SubElement(case, "failure", message=visible(gate.message))
        elif gate.state == "undecided":
            SubElement(case, "skipped", message=visible(f"undecided: {gate.message}"))
    _count(gates)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _case(suite: Element, group: str, name: str, seconds: float | None = None) -> Element:
    return SubElement(
        suite, "testcase", classname=visible(group), name=visible(name), time=f"{seconds or 0:.3f}"
    )


def _count(suite: Element) -> None:
    for kind in ("failure", "error", "skipped"):
        plural = kind if kind == "skipped" else f"{kind}s"
        suite.set(plural, str(len(suite.findall(f"testcase/{kind}"))))
    suite.set("tests", str(len(suite.findall("testcase"))))
