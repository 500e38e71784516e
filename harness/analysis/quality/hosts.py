"""Warnings about hosts: of different kinds, noisy, on another level, or with another change."""

import math
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from harness.analysis.hosts import log_ratios
from harness.analysis.models import Caution
from harness.analysis.pairing import middle
from harness.analysis.quality.metrics import NOTABLE, levels
from harness.analysis.samples import Table, Values
from harness.analysis.stats.classical import welch
from harness.metrics.catalogue import describe
from harness.plan.question import Question
from harness.run.host import Host
from harness.run.hosts import described, host_names
from harness.run.store import Run
from harness.text.words import amount, change, few, listed, percent

_MIN = 3
"""Rounds of a host, for a variance."""
_FEW = 5
"""Rounds of a host, for its noise: one that strayed leaves four."""
_MOST = 50
"""Hosts that are told apart in each workload, those with most rounds."""
_NAMED = 4
"""Most hosts or kinds that a message names one by one."""
_NOISIER = 2.0
"""Times the others' spread, from which on a host's is worth a warning."""
_HIGHER = 0.1
"""Part by which the level of every variant must be higher on a host."""
_MEMORY = 1.05
"""Machines of one size differ by what their firmware keeps."""
_EVERYWHERE = ("wall", "rss.peak")
"""Metrics whose level says how fast a host is and what a trial takes there, whatever is asked."""
_OUT = "gomatrix verdict RUN --exclude {} judges without it"


_Rounds = NDArray[np.intp]
"""Which blocks of a table are of a host."""


class _Finding(NamedTuple):
    """A warning, which several workloads and metrics may give rise to."""

    about: str
    """What they have in common, besides the kind."""
    size: float
    caution: Caution


def host_cautions(
    run: Run, tables: Mapping[str, Table], question: Question, error: float
) -> Iterator[Caution]:
    """Every warning about the hosts of a run; none for one host.

    ``error`` is the probability of a false warning of each kind in the whole run. What several
    workloads or metrics show is said once, with the numbers of the one that shows it most.
    """
    names, hosts = host_names(run), described(run.manifest)
    measured = dict.fromkeys(trial.host for trial in run.trials)
    yield from _kinds([host for name, host in hosts.items() if name in measured], names)
    found: dict[tuple[str, str], list[_Finding]] = {}
    for table in tables.values():
        for finding in _of_workload(table, question, names, error / len(tables)):
            found.setdefault((finding.caution.kind, finding.about), []).append(finding)
    for findings in found.values():
        worst = max(findings, key=lambda finding: finding.size).caution
        more = len(findings) - 1
        others = "metrics or workloads show" if more > 1 else "metric or workload shows"
        also = f"; {more} other {others} the like" if more else ""
        yield worst.model_copy(update={"message": worst.message + also})


def _of_workload(
    table: Table, question: Question, names: Mapping[str, str], error: float
) -> Iterator[_Finding]:
    if len(table.hosts) <= 1:
        return
    most = sorted(table.hosts.items(), key=lambda item: -item[1].size)[:_MOST]
    here = {names.get(host, host): rounds for host, rounds in most}
    asked = question.asked(table.workload)
    if question.candidate is not None:
        for metric in asked:
            every = log_ratios(table, metric, question.baseline, question.candidate)
            logs = {host: _known(every[rounds]) for host, rounds in here.items()}
            yield from _apart(table.workload, metric, logs, error / len(asked))
            yield from _noisy(table.workload, metric, logs, error / len(asked))
    looked_at = dict.fromkeys((*asked, *_EVERYWHERE))
    for metric in looked_at:
        yield from _levels(table, metric, here, error / len(looked_at))


def _apart(
    workload: str, metric: str, logs: Mapping[str, Values], error: float
) -> Iterator[_Finding]:
    """Find hosts whose ratios differ, by Welch's test of two (Bonferroni over all such pairs)."""
    known = {host: values for host, values in logs.items() if values.size >= _MIN}
    means = {host: float(values.mean()) for host, values in known.items()}
    if len(means) <= 1:
        return
    low, high = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    tested = [(x, known[end]) for end in (low, high) for host, x in known.items() if host != end]
    pairs = len(known) * (len(known) - 1) / 2
    if means[high] - means[low] < NOTABLE or pairs * min(welch(*p) for p in tested) > error:
        return
    told = means if len(means) <= _NAMED else {low: means[low], high: means[high]}
    ratios = [f"{math.exp(mean):.3f} on {host}" for host, mean in told.items()]
    yield _Finding(
        "",
        means[high] - means[low],
        Caution(
            workload=workload,
            kind="hosts differ",
            message=f"the ratio of {metric} differs between machines: {listed(ratios)}",
            remedy="read the machines separately (the report's table of hosts, or gomatrix verdict "
            "RUN --exclude HOST); the common interval is of their average",
        ),
    )


def _noisy(
    workload: str, metric: str, logs: Mapping[str, Values], error: float
) -> Iterator[_Finding]:
    """Find hosts whose ratios vary much more than those of the others together.

    Fisher's F without the host's farthest round: a round that strayed makes no noisy host, and
    noise with long tails, of which F alone would make one in every tenth run, rarely does.
    """
    known = {host: values for host, values in logs.items() if values.size >= _FEW}
    for host, own in known.items():
        others = [values for name, values in known.items() if name != host]
        degrees = sum(values.size - 1 for values in others)
        if not degrees:
            continue
        spread = math.sqrt(sum(float(v.var()) * v.size for v in others) / degrees)
        whole = float(own.std(ddof=1))
        if whole < max(NOTABLE, _NOISIER * spread):
            continue
        kept = np.delete(own, np.abs(own - np.median(own)).argmax())
        rest = float(kept.var(ddof=1))
        ratio = rest / spread**2 if spread else math.inf if rest else 0.0
        p = float(scipy.special.fdtrc(kept.size - 1, degrees, ratio))
        if len(known) * p <= error:
            beside = "by nothing" if not spread else f"by {percent(spread)}"
            yield _Finding(
                host,
                whole,
                Caution(
                    workload=workload,
                    kind="noisy host",
                    message=f"the change of {metric} varies from round to round by "
                    f"{percent(whole)} on {host}, {beside} on other hosts",
                    remedy=f"look for what else runs there; {_OUT.format(shlex.quote(host))}",
                ),
            )


def _levels(
    table: Table, metric: str, here: Mapping[str, _Rounds], error: float
) -> Iterator[_Finding]:
    """Find hosts on which every variant is higher than on the lowest host, by a tenth or more."""
    every = levels(table, metric)
    each = {host: _known(every[rounds]) for host, rounds in here.items()}
    known = {host: own for host, own in each.items() if own.size >= _MIN}
    if len(known) <= 1:
        return
    lowest = min(known, key=lambda host: float(known[host].mean()))
    pairs = len(known) * (len(known) - 1) / 2
    higher = {
        host: float(own.mean() - known[lowest].mean())
        for host, own in known.items()
        if _least(table, metric, here[host], here[lowest]) >= math.log1p(_HIGHER)
        and pairs * welch(own, known[lowest]) <= error
    }
    if not higher:
        return
    told = sorted(higher, key=lambda host: -higher[host])
    words = [f"{change(math.exp(higher[host]))} on {host}" for host in told]
    yield _Finding(
        describe(metric).unit,
        max(higher.values()),
        Caution(
            workload=table.workload,
            kind="host levels",
            message=f"{metric} of every variant is higher than on {lowest}: "
            f"{few(words, noun='more hosts')}; rounds are compared within a host, so ratios and "
            "verdicts stand",
            remedy=f"read absolute values by host; {_OUT.format(shlex.quote(told[0]))}",
        ),
    )


def _known(values: Values) -> Values:
    found: Values = values[np.isfinite(values)]
    return found


def _least(table: Table, metric: str, high: _Rounds, low: _Rounds) -> float:
    """By how much, in logs, the median is higher, of the variant for which it is least."""
    found = []
    for variant in table.cells:
        values = table.values(variant, metric)
        one, other = middle(values[low]), middle(values[high])
        if one is not None and other is not None:
            found.append(math.log(other) - math.log(one) if min(one, other) > 0 else -math.inf)
    return min(found, default=-math.inf)


def _kinds(hosts: Sequence[Host], names: Mapping[str, str]) -> Iterator[Caution]:
    """Warn of hosts that differ in what affects memory or speed."""
    sizes = _sizes(hosts)
    kinds: dict[str, Callable[[Host], str]] = {
        "CPU model": lambda host: host.cpu,
        "architecture": lambda host: host.machine,
        "kernel": lambda host: host.kernel,
        "transparent huge pages": _huge_pages,
        "memory": lambda host: sizes[host.memory],
    }
    grouped = (_grouped(what, kind, hosts, names) for what, kind in kinds.items())
    if differ := [words for words in grouped if words]:
        yield Caution(
            kind="unlike hosts",
            message=f"the hosts differ in {'; in '.join(differ)}; rounds are compared within a "
            "host, but a change may cost more on one kind than on another",
            remedy="see what each host shows alone (the report's table of hosts); gomatrix verdict "
            "RUN --exclude HOST judges without one",
        )


def _grouped(
    what: str, kind: Callable[[Host], str], hosts: Iterable[Host], names: Mapping[str, str]
) -> str:
    """``kernel (6.1 on a and b, 6.8 on c)``; empty where they are alike, as far as is known."""
    groups: dict[str, list[str]] = {}
    for host in hosts:
        if value := kind(host):
            groups.setdefault(value, []).append(names[host.id])
    if len(groups) <= 1:
        return ""
    shown = [f"{value} on {few(bearers)}" for value, bearers in list(groups.items())[:_NAMED]]
    more = [f"{len(groups) - _NAMED} more kinds"] if len(groups) > _NAMED else []
    return f"{what} ({', '.join([*shown, *more])})"


def _huge_pages(host: Host) -> str:
    """``madvise`` of ``always [madvise] never``."""
    chosen = re.search(r"\[(\w+)\]", host.transparent_hugepages)
    return chosen[1] if chosen else host.transparent_hugepages


def _sizes(hosts: Iterable[Host]) -> dict[int, str]:
    """The memory of hosts in words, the same for those that have about as much."""
    words: dict[int, str] = {}
    least = 0.0
    for size in sorted({host.memory for host in hosts}):
        if size > _MEMORY * least:
            least = size
        words[size] = amount(least, "bytes")
    return words
