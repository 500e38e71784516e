from harness.session.lengths import Start, seconds_per_trial


def record(workload: str, lane: int, started: float, host: str = "a") -> Start:
    return Start(workload, host, lane, started)


def test_a_trial_takes_as_long_as_its_lane_is_held() -> None:
    first = [record("a", 0, 10.0), record("b", 0, 12.0), record("a", 0, 15.0)]
    second = [record("a", 1, 11.0), record("b", 1, 15.0)]

    assert seconds_per_trial([*second, *first]) == {"a": 3.0, "b": 3.0}


def test_a_pause_of_a_run_that_was_resumed_does_not_count() -> None:
    starts = [0.0, 1.0, 2.0, 3600.0, 3601.0, 3602.0]

    assert seconds_per_trial([record("a", 0, at) for at in starts]) == {"a": 1.0}


def test_trials_that_never_started_and_other_hosts_lanes_are_told_apart() -> None:
    records = [record("a", 0, 0.0), record("a", 0, 5.0), record("a", 0, 0.0, "b"),
               record("a", 0, 4.0, "b"), record("a", 0, 9.0, "b")]  # fmt: skip

    assert seconds_per_trial(records) == {"a": 5.0}


def test_where_no_trial_followed_another_the_programs_own_time_counts() -> None:
    starts = [Start("a", "h", 0, 10.0, 2.0), Start("a", "h", 1, 10.0, 4.0), record("b", 2, 10.0)]
    assert seconds_per_trial(starts) == {"a": 3.0}
