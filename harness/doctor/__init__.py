"""Whether this machine is fit to measure: facts that are gathered, and what they mean."""

from harness.doctor.facts import HostFacts, gather
from harness.doctor.findings import Finding, Level, judge_host

__all__ = ["Finding", "HostFacts", "Level", "gather", "judge_host"]
