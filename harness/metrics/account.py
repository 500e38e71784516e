"""The account: resident memory of one instant, in named parts that add up."""

from types import MappingProxyType

PARTS = MappingProxyType({
    "live": "live objects",
    "garbage": "new objects and garbage",
    "unused": "unused in spans",
    "free": "free, not returned",
    "returned": "given back, still resident",
    "stacks": "goroutine stacks",
    "go heap": "Go heap",
    "mspan": "records of spans",
    "mcache": "caches of spans",
    "gc": "the collector's own memory",
    "buckets": "profiler buckets",
    "runtime other": "other memory of the runtime",
    "thread stacks": "thread stacks",
    "text": "code and constants of the binary",
    "data": "variables of the binary",
    "c heap": "C heap",
    "file": "mapped files",
    "other": "other mappings",
    "remainder": "not accounted for",
})  # fmt: skip
"""Every part, in the order of a chart, and what people read. ``go heap`` stands in for the five
before it and for stacks where nothing is known of the runtime's view. What the memory profiler
keeps that only the probe has turned on is in no part: it is the metric ``probe.memory``."""

HEAP = ("live", "garbage", "unused", "free", "returned", "stacks", "go heap")
"""Parts that lie in the arenas of the Go heap."""
METADATA = ("mspan", "mcache", "gc", "buckets", "runtime other")
"""Parts that are the runtime's own structures."""
