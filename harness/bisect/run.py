"""One bisection from its first measurement to its report."""

from harness.bisect.page import write_bisection
from harness.bisect.prepare import Opened
from harness.bisect.record import RECORD, Bisection
from harness.bisect.stages import Course, stages
from harness.errors import writing
from harness.golang.cache import in_use
from harness.run.store import point_latest, write_json
from harness.session.execute import clean

_OTHERWISE = "copy it elsewhere and go on there with --resume"


def run_course(opened: Opened) -> Bisection:
    """Go down as far as possible, and keep each stage when it is done.

    Raises:
        HarnessError: an end does not build or does not run, so that there is nothing to compare.
    """
    course = Course(opened, opened.span)
    _keep(course)
    with in_use(opened.cache), opened.laboratory.open():
        for stage in stages(course):
            course.stages.append(stage)
            _keep(course)
            opened.say(f"{stage.title}: {stage.answer}")
            if stage.stopped:
                opened.say(f"Stopped there: {stage.stopped}")
    finished = course.record.model_copy(update={"finished": True})
    with writing(opened.directory, _OTHERWISE):
        write_json(opened.directory / RECORD, finished)
        write_bisection(opened.directory, finished)
        clean(opened.directory)
        point_latest(opened.directory)
    return finished


def _keep(course: Course) -> None:
    with writing(course.opened.directory, _OTHERWISE):
        write_json(course.opened.directory / RECORD, course.record)
