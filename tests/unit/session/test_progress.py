from synthetic import ORIGIN, make_run

from harness.session.progress import Progress


def test_what_is_left_out_is_not_expected_and_may_still_come() -> None:
    run = make_run(lambda *_: {}, ORIGIN | {"trials": 4})
    progress = Progress(run.manifest.plan, run.manifest.plan.trials())
    half = len(run.trials) // 2
    for record in run.trials[:half]:
        progress.note(record)
    assert progress.expected == len(run.trials)

    progress.leave_out({record.id for record in run.trials})  # decided: those that ran, too
    line = progress.note(run.trials[half])  # it was running

    assert progress.expected == half + 1
    assert line is not None
    assert f"{half + 1} of {half + 1} trials, about 0 s left" in line
