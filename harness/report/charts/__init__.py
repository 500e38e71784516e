"""The charts of a report; those of many numbers come with a table of them."""

from harness.report.charts.heap import heap_difference
from harness.report.charts.in_order import trials_in_order
from harness.report.charts.layers import memory_layers
from harness.report.charts.over_time import memory_over_time
from harness.report.charts.regions import address_space
from harness.report.charts.suspects import suspect_shares

__all__ = [
    "address_space",
    "heap_difference",
    "memory_layers",
    "memory_over_time",
    "suspect_shares",
    "trials_in_order",
]
