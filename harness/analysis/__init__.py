"""Comparisons, attribution, stopping rule, diagnosis, gates: pure functions over a run."""

from harness.analysis.conclusion import compare, conclude
from harness.analysis.diagnosis import Evidence
from harness.analysis.question import Question, QuestionError, question_of, resolve_question
from harness.analysis.stopping import undecided

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
