"""Run a prepared explanation, from its first measurement to its report."""

from harness.errors import writing
from harness.explain.budget import OutOfTime, within
from harness.explain.page import write_explanation
from harness.explain.prepare import Inquiry
from harness.explain.record import RECORD, Explanation
from harness.explain.search import Search
from harness.golang.cache import in_use
from harness.run.store import MANIFEST, point_latest, read_manifest, write_json
from harness.session.execute import clean

_OTHERWISE = "copy it elsewhere and continue there with --resume"


def explain(inquiry: Inquiry, seconds: float | None) -> Explanation:
    """Take all steps within a time budget, if there is one, and save each when it is done.

    Raises:
        HarnessError: an end does not build or does not run.
    """
    search, out_of_time = Search(inquiry), False
    _keep(inquiry, search.record)
    try:
        with within(seconds), in_use(inquiry.cache):
            for sentence in search.run():
                _keep(inquiry, search.record)
                inquiry.say(sentence)
    except OutOfTime:
        out_of_time = True
    finally:
        clean(inquiry.directory)
    found = search.record.model_copy(update={"out_of_time": out_of_time})
    _keep(inquiry, found)
    with writing(inquiry.directory, _OTHERWISE):
        begun = (inquiry.directory / MANIFEST).exists()
        write_explanation(
            inquiry.directory, found, read_manifest(inquiry.directory) if begun else None
        )
        point_latest(inquiry.directory)
    return found


def _keep(inquiry: Inquiry, known: Explanation) -> None:
    with writing(inquiry.directory, _OTHERWISE):
        write_json(inquiry.directory / RECORD, known)
