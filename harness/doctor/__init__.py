"""Whether this machine is fit to measure: facts that are gathered, and what they mean."""

from harness.doctor.facts import HostFacts, gather, gather_worker
from harness.doctor.findings import Finding, Level, judge_host, judge_machine

__all__ = ["Finding", "HostFacts", "Level", "gather", "gather_worker", "judge_host",
           "judge_machine"]  # fmt: skip
