"""The hosts of a run: what people call them, and the run without the trials of some."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.errors import HarnessError
from harness.run.host import Host
from harness.run.records import Manifest
from harness.run.store import Run
from harness.text.suggestions import did_you_mean


def described(manifest: Manifest) -> dict[str, Host]:
    """The hosts that a run describes, by id."""
    return {host.id: host for host in (manifest.hosts or (manifest.host,))}


def host_names(run: Run) -> dict[str, str]:
    """By id: the name of each host; with its id where another has that name too."""
    names = _plain_names(run)
    bearers = Counter(names.values())
    return {
        host: name if bearers[name] == 1 else f"{name} ({host})" for host, name in names.items()
    }


def _plain_names(run: Run) -> dict[str, str]:
    """By id: the name; of a host without one the id, as of one that the run does not describe."""
    names = {host.id: host.name or host.id for host in described(run.manifest).values()}
    return names | {t.host: t.host for t in run.trials if t.host not in names}


def without_hosts(run: Run, excluded: Sequence[str]) -> Run:
    """A run without the trials of some hosts, each given by name or id.

    Raises:
        HarnessError: there is no such host, several have that name, or no trial would be left.
    """
    if not excluded:
        return run
    names = host_names(run)
    out = {_host_of(run, word, names) for word in excluded}
    if run.trials and all(trial.host in out for trial in run.trials):
        raise HarnessError(
            f"{run.path}: --exclude names every host that measured, so nothing is left to judge; "
            "leave one in"
        )
    return _without(run, out, tuple(name for host, name in names.items() if host in out))


def _without(run: Run, out: set[str], names: tuple[str, ...]) -> Run:
    return replace(
        run,
        trials=tuple(trial for trial in run.trials if trial.host not in out),
        screening=run.screening and _without(run.screening, out, names),
        excluded=names,
    )


def _host_of(run: Run, word: str, names: Mapping[str, str]) -> str:
    """The id of the host that a user means."""
    plain = _plain_names(run)
    found = [host for host in names if word in (host, plain[host], names[host])]
    if len(found) == 1:
        return found[0]
    if found:
        raise HarnessError(
            f"{run.path}: {len(found)} hosts are called {word!r}; name one by its id: "
            f"{', '.join(found)}"
        )
    hint = did_you_mean(word, tuple(dict.fromkeys(plain.values())))
    raise HarnessError(f"{run.path}: there is no host {word!r}{hint}")
