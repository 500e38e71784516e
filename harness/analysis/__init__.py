"""Comparisons, attribution, stopping rule, diagnosis, gates: pure functions over a run."""

from harness.analysis.conclusion import compare, conclude
from harness.analysis.diagnosis import Evidence
from harness.analysis.stopping import undecided
from harness.plan.question import Question, QuestionError, resolve_question
from harness.run.question import question_of

__all__ = [
    "Evidence",
    "Question",
    "QuestionError",
    "compare",
    "conclude",
    "question_of",
    "resolve_question",
    "undecided",
]
