"""The places in a program where a toggle may matter, and how it is turned back in some of them."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from harness.analysis.screening.models import Back
from harness.bisect.record import Frame, SiteKind
from harness.bisect.sites.protocol import NONE, QUIET, lines, pattern, stacks
from harness.errors import HarnessError
from harness.golang.builds.messages import compiler_messages
from harness.golang.builds.request import BuildRequest
from harness.golang.godebugs import Setting
from harness.golang.sources.locate import Source
from harness.golang.switches import SWITCHES, Switch, merge_gcflags
from harness.plan.suspects import Suspected

OUTSIDE = "outside of the module"
"""Stands for all places of a compiler switch in packages of other modules."""
_GOROUTINE = "runtime.goexit"
"""The outermost function of each goroutine's call stack."""
OWN = "./..."
"""The go command's pattern for the packages of the main module."""
_MOST = 1000


class NoPlacesError(HarnessError):
    """A toggle that cannot be narrowed to places, and why."""


@dataclass(frozen=True)
class Places(ABC):
    """Places by key, as hexadecimal hashes, where a toggle can be turned back by itself."""

    known: Mapping[str, tuple[Frame, ...]]
    """Frames from the inside out; of a source line, those of calls that were inlined."""

    kind: ClassVar[SiteKind]

    @abstractmethod
    def turning_back(self, chosen: Back) -> list[Suspected]:
        """What turns the toggle back in some places, and only there."""

    def check(self) -> None:
        """Check that there is something to tell apart.

        Raises:
            NoPlacesError: there is nothing, or too much.
        """
        if len(self.known) > _MOST:
            raise NoPlacesError(f"it is used in {len(self.known)} places, more than {_MOST}")


@dataclass(frozen=True)
class Stacks(Places):
    """Call stacks in which a GODEBUG setting is consulted."""

    setting: str
    value: str
    kept: bool
    """Whether the value is what all other places keep; else it is what turns the setting back."""

    kind: ClassVar[SiteKind] = "call stack"

    def turning_back(self, chosen: Back) -> list[Suspected]:
        """By its environment, so that no build is needed."""
        places = pattern((int(k, 16) for k in chosen), {int(k, 16) for k in self.known})
        text = f"{self.value}#{QUIET}{'!' if self.kept else ''}{places}"
        return [Suspected(kind="godebug", name=self.setting, back=text)]


def chosen_value(setting: Setting, own: str | None, back: str) -> tuple[str, bool]:
    """The value that a pattern gives to some places, and whether it is the one to keep there.

    A place that a pattern does not select behaves as with an empty value, which is the newest
    behaviour, whatever the program's default is. So one of both values must be that.

    Raises:
        NoPlacesError: neither is.
    """
    if setting.is_newest(own):
        return back, False
    if setting.is_newest(back) and own is not None:
        return own, True
    raise NoPlacesError(
        f"a part of its places can have {setting.name}={own} or {back} only beside the newest "
        "behaviour, which is neither"
    )


def stacks_of(outputs: tuple[str, ...], setting: str, value: str, *, kept: bool) -> Stacks:
    """The call stacks that a program reported.

    Raises:
        NoPlacesError: it reported none.
    """
    known = {f"{k:x}": f for output in outputs for k, f in stacks(output).items()}
    if not known:
        raise NoPlacesError(
            f"the program reported no place where it consults {setting}: the runtime reads it by "
            "itself, once and for all, or it is not consulted"
        )
    return Stacks(known, setting, value, kept)


@dataclass(frozen=True)
class Lines(Places):
    """Source lines at which a compiler switch does something."""

    switch: Switch
    scopes: Mapping[str, str]
    """By key: the pattern of packages that the place belongs to."""

    kind: ClassVar[SiteKind] = "source line"

    def turning_back(self, chosen: Back) -> list[Suspected]:
        """Outside of the module it is turned off as a whole, so that Go's cache is of use."""
        texts = {scope: self._at(scope, chosen) for scope in dict.fromkeys(self.scopes.values())}
        if OUTSIDE in chosen:
            texts = {"all": f"-d={self.switch.debug}", **texts}
            texts[OWN] = texts.get(OWN) or f"-d={self.switch.search}={QUIET}y"
        return [
            Suspected(kind="gcflags", name=self.switch.name, back=f"{scope}={flag}")
            for scope, flag in texts.items()
            if flag
        ]

    def _at(self, scope: str, chosen: Back) -> str:
        own = {key for key, where in self.scopes.items() if where == scope}
        if not own & chosen:
            return ""
        places = pattern((int(k, 16) for k in own & chosen), {int(k, 16) for k in own})
        return f"-d={self.switch.search}={QUIET}!{places}"


def switch_of(suspect: Suspected) -> Switch | None:
    """The compiler switch that a suspect turns off, if it is one whose places can be searched."""
    return next(
        (s for s in SWITCHES if s.search and f"-d={s.debug}" in suspect.back.replace(",", " -d=")),
        None,
    )


def own_lines(request: BuildRequest, switch: Switch, cache: Path) -> Lines:
    """The places in the program's own module; and one key for all others.

    Raises:
        HarnessError: the program does not build.
    """
    found = _listed(request, switch, OWN, cache)
    own = {key: frames for key, (_, frames) in found.items() if is_own(frames[-1], request.source)}
    outside: dict[str, tuple[Frame, ...]] = {} if switch.line else {OUTSIDE: ()}
    return Lines(own | outside, switch, dict.fromkeys(own, OWN))


def other_lines(request: BuildRequest, switch: Switch, cache: Path) -> Lines:
    """The places in packages of other modules, the standard library's with them.

    Raises:
        HarnessError: the program does not build.
    """
    found = _listed(request, switch, "all", cache)
    root = root_of(request.source)
    others = {k: (p, f) for k, (p, f) in found.items() if not f[-1].file.startswith(root)}
    return Lines(
        {key: frames for key, (_, frames) in others.items()}, switch,
        {key: package for key, (package, _) in others.items()},
    )  # fmt: skip


def _listed(
    request: BuildRequest, switch: Switch, scope: str, cache: Path
) -> dict[str, tuple[str, tuple[Frame, ...]]]:
    suspect = Suspected(kind="gcflags", name=switch.name, back=f"{scope}=-d={switch.search}={NONE}")
    flags = merged(request, suspect)
    return {f"{k:x}": place for k, place in lines(compiler_messages(flags, cache)).items()}


def merged(request: BuildRequest, suspect: Suspected) -> BuildRequest:
    """A request with a suspect's flags for the compiler besides its own."""
    gcflags = merge_gcflags(request.build.gcflags, [suspect.back])
    build = request.build.model_copy(update={"gcflags": gcflags})
    return request._replace(build=build)


def is_own(frame: Frame, source: Source) -> bool:
    """Whether a line is in a file of the program's own module, and not of the probe."""
    root = root_of(source)
    return frame.file.startswith(root) and (source.module / frame.file.removeprefix(root)).is_file()


def root_of(source: Source) -> str:
    """How files of the program's own module begin, as Go calls them."""
    return f"{source.path}/"


def is_library(frame: Frame, source: Source) -> bool:
    """Whether a line is in the standard library: paths of other modules begin with a domain."""
    own = frame.file.startswith(root_of(source))
    return not own and "." not in frame.file.partition("/")[0]


def shown(frame: Frame, source: Source) -> Frame:
    """A frame as a report shows it: paths are within the module, and none is of this machine."""
    file = frame.file.removeprefix(root_of(source))
    return frame.model_copy(update={"file": file.rpartition("/")[2] if file[:1] == "/" else file})


def innermost(frames: tuple[Frame, ...], source: Source) -> Frame:
    """The innermost line of a call stack that is not of the standard library, if there is one.

    Else, of a goroutine, the call that it began with; of a source line, the line.
    """
    own = next((f for f in frames if not is_library(f, source)), None)
    if own is not None or frames[-1].function != _GOROUTINE:
        return own or frames[0]
    return next((f for f in reversed(frames) if not f.function.startswith("runtime.")), frames[0])
