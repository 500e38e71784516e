"""A recorded run gives the verdict that is checked in beside it, word for word.

``tests/data/recorded-run`` was measured on a machine of two CPUs. Host names, paths, builds,
profiles and most metrics were taken out. Where a change of verdicts or wording is meant, run this
file to write the new ``verdict.json``, and read its diff::

    .venv/bin/python tests/unit/analysis/test_recorded_run.py
"""

import json
from pathlib import Path

from harness.analysis.conclusion import conclude
from harness.run.store import Run

DIRECTORY = Path(__file__).resolve().parents[2] / "data" / "recorded-run"
VERDICT = DIRECTORY / "verdict.json"


def conclusions() -> str:
    return conclude(Run.load(DIRECTORY)).model_dump_json(by_alias=True, indent=1) + "\n"


def parsed(text: str) -> dict[str, object]:
    """With nine digits of each number: processors may differ in the last ones."""
    found: dict[str, object] = json.loads(text, parse_float=lambda x: float(f"{float(x):.9g}"))
    return found


def test_a_recorded_run_gives_the_verdict_beside_it() -> None:
    found, expected = parsed(conclusions()), parsed(VERDICT.read_text(encoding="utf-8"))
    for section in found.keys() | expected.keys():
        assert found.get(section) == expected.get(section), section


def test_the_recorded_run_has_an_increase_whose_suspects_are_judged() -> None:
    suspects = parsed(VERDICT.read_text(encoding="utf-8"))["suspects"]
    assert isinstance(suspects, list)
    assert {s["verdict"] for s in suspects} == {"implicated", "ruled out"}


if __name__ == "__main__":
    VERDICT.write_text(conclusions(), encoding="utf-8")
