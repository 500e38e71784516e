"""Run a prepared bisection, from its first measurement to its report."""

from harness.bisect.page import write_bisection
from harness.bisect.prepare import Setup
from harness.bisect.record import RECORD, Bisection
from harness.bisect.stages import Descent
from harness.errors import writing
from harness.golang.cache import in_use
from harness.run.store import point_latest, write_json
from harness.session.execute import clean

_OTHERWISE = "copy it elsewhere and continue there with --resume"


def run_bisection(setup: Setup) -> Bisection:
    """Take all stages, and save each when it is done.

    Raises:
        HarnessError: an end does not build or does not run, so nothing can be compared.
    """
    descent = Descent(setup, setup.span)
    _keep(descent)
    try:
        with in_use(setup.cache):
            for stage in descent.run():
                descent.stages.append(stage)
                _keep(descent)
                setup.say(f"{stage.title}: {stage.answer}")
                if stage.stopped:
                    setup.say(f"Stopped there: {stage.stopped}")
    finally:
        clean(setup.directory)
    finished = descent.record.model_copy(update={"finished": True})
    with writing(setup.directory, _OTHERWISE):
        write_json(setup.directory / RECORD, finished)
        write_bisection(setup.directory, finished)
        point_latest(setup.directory)
    return finished


def _keep(descent: Descent) -> None:
    with writing(descent.setup.directory, _OTHERWISE):
        write_json(descent.setup.directory / RECORD, descent.record)
