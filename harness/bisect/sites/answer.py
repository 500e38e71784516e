"""What the search for a toggle's places in a program told."""

from dataclasses import dataclass

from harness.bisect.points import Finding
from harness.bisect.record import Site


@dataclass(frozen=True)
class Narrowed:
    """What the search for a toggle's places told."""

    toggle: str
    sites: tuple[Site, ...] = ()
    ruled_out: int = 0
    """Places that are shown not to matter."""
    undecided: tuple[str, ...] = ()
    """Why places could not be decided on, a sentence each."""
    problem: str = ""
    """Why the toggle cannot be narrowed at all."""
    findings: tuple[Finding, ...] = ()
