"""The cure: what was found to be the cause, turned back in the newer end."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.bisect.points import Point, Span
from harness.bisect.prepare import Setup
from harness.bisect.program.requirements import Blamed
from harness.bisect.program.requirements import turned_back as with_requirements
from harness.bisect.program.revisions import at_source
from harness.bisect.program.trees import with_commit
from harness.bisect.stages import Descent
from harness.errors import HarnessError
from harness.golang.experiments import experiment_of
from harness.golang.godebugs import removed_of
from harness.golang.patches import apply_patches, reverse
from harness.golang.sources.revisions import top_of
from harness.plan.sides import turned_back
from harness.plan.suspects import Suspected, undone
from harness.text.words import listed


@dataclass(frozen=True)
class Remedy:
    """What removes a change, to be applied to the newer end of a question."""

    what: str
    """As ``swissmap turned back``."""
    apply: Callable[[Setup], Point]
    """Make the newer end without the cause.

    Raises:
        HarnessError: it cannot be made.
    """


def remedy_of(descent: Descent) -> Remedy | None:
    """What was found; ``None`` where no cause was."""
    found = descent.toggled
    if found is not None and found.culprits:
        labels = [label for culprit in found.culprits for label in sorted(culprit.toggles)]
        chosen = [found.suspects[label] for label in dict.fromkeys(labels)]
        return Remedy(undone(chosen), lambda setup: _turned_back(setup, chosen))
    if descent.blamed is not None and descent.blamed.versions:
        return _of_requirements(descent.blamed)
    if descent.revised is not None and descent.revised.commit:
        return _of_commit(descent.revised.commit, lacking=descent.revised.lacking)
    stage = next((s for s in descent.stages if s.kind == "source" and s.patch), None)
    if stage is None or stage.patch is None:
        return None
    forward = not descent.span.regression  # the patch makes the good end bad
    text = stage.patch if forward else stage.remedy or reverse(stage.patch)
    what = "remedy.diff applied" if stage.remedy and not forward else "culprit.diff reverted"
    return Remedy(what, lambda setup: _patched(setup, text))


def _of_requirements(blamed: Blamed) -> Remedy:
    words = [f"{path} at {version}" for path, version in blamed.versions.items()]
    return Remedy(
        listed(words),
        lambda setup: with_requirements(setup.span.newer, blamed.versions, blamed.sums, setup),
    )


def _of_commit(commit: str, *, lacking: bool) -> Remedy:
    what = f"{commit[:12]} {'made there too' if lacking else 'reverted'}"
    return Remedy(what, lambda setup: _with_commit(setup, commit, lacking=lacking))


def _with_commit(setup: Setup, commit: str, *, lacking: bool) -> Point:
    newer, runner = setup.span.newer, setup.runner
    source = runner.source_of(runner.variant_of(newer))
    repository = top_of(setup.matrix.path.resolve().parent)
    how = "with" if lacking else "without"
    text = f"{runner.variant_of(newer).made_with.source}~{how}-{commit[:12]}"
    base = with_commit(source, repository, commit, setup.cache, reverse=not lacking)
    return at_source(newer, text, base, setup)


def _turned_back(setup: Setup, chosen: list[Suspected]) -> Point:
    newer = setup.span.newer
    toolchain = newer.toolchain
    removed = removed_of(toolchain.goroot)
    for suspect in chosen:
        unknown = suspect.kind == "experiment" and not toolchain.experiments.knows(
            experiment_of(suspect.back)
        )
        if unknown or (suspect.kind == "godebug" and suspect.name in removed):
            raise HarnessError(f"{toolchain.name} cannot turn {suspect.name} back any more")
        if suspect.kind == "patch":
            raise HarnessError(f"{suspect.name} is a patch, which was applied to another source")
    variant = turned_back(setup.runner.variant_of(newer), chosen, toolchain.experiments)
    return Point.of(variant, toolchain)


def _patched(setup: Setup, patch: str) -> Point:
    newer = setup.span.newer
    toolchain = newer.toolchain
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch, "cure.diff")
        file.write_text(patch, encoding="utf-8")
        try:
            texts = apply_patches(toolchain.goroot, [file])
        except HarnessError:
            raise HarnessError(
                f"the patch does not apply to the source of {toolchain.name}"
            ) from None
    name = newer.name.replace(toolchain.name, f"{toolchain.name}~cured", 1)
    mended = toolchain._replace(
        name=f"{toolchain.name}~cured", patched={**toolchain.patched, **texts}
    )
    return newer.model_copy(update={"name": name, "toolchain": mended})


def is_like_older(span: Span, state: str) -> bool | None:
    """Whether a point in that state is like the older end; ``None`` if it is not known."""
    if state not in ("good", "bad"):
        return None
    return (state == "good") == span.regression
