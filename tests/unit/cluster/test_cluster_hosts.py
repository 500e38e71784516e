"""How many trials a host of a cluster runs at a time, and when it gets another round."""

import pytest

from harness.cluster.hosts import FRESH, Hand, HostState
from harness.matrix.models import TrialsSpec
from harness.run.host import describe_host
from harness.session.lanes import cut_lanes


def state(cpus: int) -> HostState:
    return HostState("tls://a:1", describe_host(), cpus, last_seen=0.0, heard=100.0)


@pytest.mark.parametrize("cpus", [1, 2, 3, 8, 11, 64])
@pytest.mark.parametrize("each", [1, 2, 4])
@pytest.mark.parametrize("most", [None, 1, 3])
def test_lanes_are_as_many_as_the_host_itself_cuts(cpus: int, each: int, most: int | None) -> None:
    limits = TrialsSpec(cpus=each, lanes=most)
    lanes = state(cpus).lanes(limits)
    assert lanes == len(cut_lanes(range(cpus), each)[:most])
    assert 1 <= state(cpus).share(limits) * lanes <= cpus


def test_a_host_gets_rounds_while_it_is_heard_of_and_does_not_rest() -> None:
    host, limits = state(2), TrialsSpec()
    assert host.takes(limits, 100.0 + FRESH / 2)
    assert not host.takes(limits, 100.0 + FRESH)
    host.hear(0.0, 105.0)  # the same heartbeat again
    assert not host.takes(limits, 100.0 + FRESH)
    host.hear(1.0, 105.0)
    assert host.takes(limits, 100.0 + FRESH)

    host.files = {"a"}
    rests = []
    for _ in range(8):
        host.rest(105.0)
        rests.append(host.resting - 105.0)
    assert rests == [30.0 * 2 ** min(n, 5) for n in range(8)]
    assert not host.files
    assert not host.takes(limits, 106.0)


def test_a_host_is_overdue_once_no_trial_ends_for_longer_than_any_may_take() -> None:
    host = state(2)
    assert not host.overdue(1e9)
    host.hands = [Hand((), {}, longest) for longest in (10.0, 50.0)]
    host.moved = 100.0
    assert not host.overdue(150.0)
    assert host.overdue(151.0)
    host.moved = 101.0
    assert not host.overdue(151.0)
