"""One bisection from its first measurement to its report."""

from harness.bisect.page import write_bisection
from harness.bisect.prepare import Prepared
from harness.bisect.record import RECORD, Bisection
from harness.bisect.stages import Progress, stages
from harness.errors import writing
from harness.golang.cache import in_use
from harness.run.store import point_latest, write_json
from harness.session.execute import clean

_OTHERWISE = "copy it elsewhere and go on there with --resume"


def run_bisection(prepared: Prepared) -> Bisection:
    """Go down as far as possible, and keep each stage when it is done.

    Raises:
        HarnessError: an end does not build or does not run, so that there is nothing to compare.
    """
    progress = Progress(prepared, prepared.span)
    _keep(progress)
    with in_use(prepared.cache), prepared.runner.open():
        for stage in stages(progress):
            progress.stages.append(stage)
            _keep(progress)
            prepared.say(f"{stage.title}: {stage.answer}")
            if stage.stopped:
                prepared.say(f"Stopped there: {stage.stopped}")
    finished = progress.record.model_copy(update={"finished": True})
    with writing(prepared.directory, _OTHERWISE):
        write_json(prepared.directory / RECORD, finished)
        write_bisection(prepared.directory, finished)
        clean(prepared.directory)
        point_latest(prepared.directory)
    return finished


def _keep(progress: Progress) -> None:
    with writing(progress.prepared.directory, _OTHERWISE):
        write_json(progress.prepared.directory / RECORD, progress.record)
