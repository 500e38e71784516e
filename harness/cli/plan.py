"""The command ``gomatrix plan``."""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from harness.cli.options import examples, json_option, matrix_argument
from harness.cli.output import say, say_json
from harness.matrix.load import load
from harness.plan.suspects import Suspected
from harness.session.prepare import prepare
from harness.session.preview import Estimate, Preview, preview


@click.command(
    epilog=examples("gomatrix plan", "gomatrix plan canary.yaml", "gomatrix plan --json")
)
@matrix_argument
@json_option
def plan(matrix: Path, *, as_json: bool) -> None:
    """Show what a run would do and how long it would take.

    Nothing is built or measured. Missing toolchains are downloaded, to learn their experiments.
    Times are as builds and trials of the same programs took on this machine before, or unknown.
    """
    prepared = prepare(load(matrix), seed=None, say=lambda line: say(line, err=True))
    found = preview(prepared)
    if as_json:
        say_json(json.dumps({"schema": 1} | found.model_dump(), indent=1))
    else:
        say("\n".join(_plan_lines(found)))


def _plan_lines(found: Preview) -> Iterator[str]:
    run = [cell for cell in found.cells if cell.reason is None]
    yield f"{found.matrix}: {len(run)} of {len(found.cells)} cells run"
    for cell in found.cells:
        what = "runs" if cell.reason is None else f"not applicable: {cell.reason}"
        yield f"  {cell.workload}[{cell.variant}]  {what}"
    to_do = [build for build in found.builds if not build.cached]
    cached = len(found.builds) - len(to_do)
    yield f"builds: {len(found.builds)}, {cached} cached, {len(to_do)} to do"
    for build in to_do:
        yield f"  {build.label}"
    yield "how programs are built and run:"
    yield from (f"  {sentence}" for sentence in found.built)
    least, most = found.rounds
    rounds = f"{least}" if least == most else f"{least} to {most}"
    lanes = f"{found.lanes} lane{'' if found.lanes == 1 else 's'}"
    trials = " to ".join(dict.fromkeys(f"{count * len(run)}" for count in found.rounds))
    yield f"rounds: {rounds}, so {trials} trials, on {lanes}"
    yield from _time_lines(found.estimate)
    if found.suspects:
        yield from _suspect_lines(found)


def _suspect_lines(found: Preview) -> Iterator[str]:
    workloads = {cell.workload for cell in found.cells}
    open_ = [s for s in found.suspects if s.settled.keys() < workloads]
    yield (
        f"suspects: {len(found.suspects)}; where a change is shown, {len(open_)} of them are "
        f"turned back in groups in {found.varied}, in further builds and trials:"
    )
    alike = [s for s in found.suspects if s not in open_ and _is_alike(s)]
    for suspect in (s for s in found.suspects if s not in alike):
        known = dict.fromkeys(s.reason for s in suspect.settled.values())
        yield f"  {suspect.label}" + (f"  needs no trial: {'; '.join(known)}" if known else "")
    if alike:
        yield (
            f"  {', '.join(s.label for s in alike)}  need no trial: all programs have them in "
            f"{found.varied} anyway"
        )


def _is_alike(suspect: Suspected) -> bool:
    return all(settled.certainty == "same value" for settled in suspect.settled.values())


def _time_lines(estimate: Estimate) -> Iterator[str]:
    least, most = estimate.least, estimate.most
    if least is None or most is None:
        yield "time: unknown"
    else:
        yield "time: " + " to ".join(dict.fromkeys((_duration(least), _duration(most))))
    if estimate.builds is None:
        yield "  builds: unknown, as not all of these programs were built before"
    elif estimate.builds:
        yield f"  builds: about {_duration(estimate.builds)}, as such builds took before"
    for time in estimate.trials:
        if time.seconds is None:
            yield f"  a trial of {time.workload}: unknown, as none was run before"
            continue
        basis = "by its phases" if time.basis == "phases" else "as one took before"
        yield f"  a trial of {time.workload}: {time.seconds:.3g} s, {basis}"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"
