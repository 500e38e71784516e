"""``server:``: how a workload is served under load."""

import re
import shlex
import warnings
from signal import Signals
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, model_validator

from harness.matrix.models.scalars import (
    Fraction,
    Line,
    Name,
    NonNegativeSeconds,
    Seconds,
    Text,
    Value,
    one_or_many,
)
from harness.models import Frozen


def _check_url(value: str) -> str:
    parts = urlsplit(re.sub(r"\{[^{}]*\}", "1", value))  # a placeholder may be the port
    if parts.scheme not in ("http", "https", "tcp") or not parts.netloc:
        raise ValueError(f"{value!r} is not a URL; write it as http://127.0.0.1:{{port}}/healthz")
    _ = parts.port  # complains about one that is no number, or too large
    return value


def _check_signal(value: str) -> str:
    name = value.upper().removeprefix("SIG")
    if f"SIG{name}" not in Signals.__members__:
        raise ValueError(f"{value!r} is not a signal; write it as TERM, INT or KILL")
    return f"SIG{name}"


def _check_pattern(value: str) -> str:
    try:
        with warnings.catch_warnings(action="ignore"):  # of syntax that may change its meaning
            re.compile(value)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    return value


Pattern = Annotated[Value, AfterValidator(_check_pattern)]
Url = Annotated[Line, AfterValidator(_check_url)]
"""May hold placeholders."""


class ReadySpec(Frozen):
    """When a server is ready. Give exactly one key."""

    url: Url | None = None
    """Ready when a request to it succeeds (``http``, ``https``) or a connection is accepted
    (``tcp://HOST:PORT``)."""
    log: Pattern | None = None
    """Ready when a line of output matches this regular expression."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.url is None) == (self.log is None):
            raise ValueError("give either url or log")
        return self


def expand_ready(value: Any) -> Any:
    """Accept a URL alone."""
    return {"url": value} if isinstance(value, str) else value


HeaderName = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$", max_length=100)
]


Method = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,20}$")]


def _check_http(url: str) -> str:
    if not url.startswith("http"):
        raise ValueError(f"the generator speaks HTTP only, not {url!r}; use command")
    return url


HttpUrl = Annotated[Url, AfterValidator(_check_http)]


class RequestSpec(Frozen):
    """One kind of request of a load."""

    url: HttpUrl
    """Where it goes."""
    method: Method = "GET"
    """Its method."""
    headers: dict[HeaderName, Line] = {}
    """Its headers, beside those of the load."""
    body: Text = ""
    """Its body."""
    weight: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """How often it is sent beside the others, which it is mixed with evenly."""


class LoadSpec(Frozen):
    """The load on a server: a command, or requests at a fixed rate."""

    command: list[Text] = []
    """Program and arguments. Its output is kept; another exit status than 0 fails the load."""
    url: HttpUrl | None = None
    """Where the built-in generator sends its requests."""
    requests: Annotated[list[RequestSpec], Field(max_length=1000)] = []
    """Several kinds of requests, instead of ``url``."""
    rate: Annotated[float, Field(gt=0, le=1_000_000)] = 100.0
    """Requests per second, sent on time whether or not earlier ones were answered."""
    duration: Seconds | None = None
    """How long the load lasts. Required with ``url``; a command that runs longer is stopped."""
    method: Method = "GET"
    """The method of each request to ``url``."""
    headers: dict[HeaderName, Line] = {}
    """The headers of each request."""
    body: Text = ""
    """The body of each request to ``url``."""
    connections: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """How many connections the generator keeps; a request waits for one that is free. Not given: it
    opens one for each request in flight."""
    request_timeout: Seconds = 10.0
    """A request that takes longer counts as failed."""
    max_in_flight: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    """Most requests in flight; further ones that are due count as failed."""
    max_failed: Fraction = 0.01
    """Share of requests that may fail before the load counts as failed."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(map(bool, (self.command, self.url, self.requests))) != 1:
            raise ValueError("give one of command, url and requests")
        if not self.command and self.duration is None:
            raise ValueError("a load by url or requests needs a duration, as 10s")
        return self

    @property
    def told(self) -> str:
        """What it does, in words."""
        if self.command:
            return shlex.join(self.command)
        urls = ", ".join(str(kind.url) for kind in self.kinds)
        return f"{self.rate:g} requests/s of {urls} for {self.duration:g} s"

    @property
    def kinds(self) -> list[RequestSpec]:
        """What the generator sends; nothing for a command."""
        if self.url is None:
            return self.requests
        return [RequestSpec(url=self.url, method=self.method, body=self.body)]


class ServerSpec(Frozen):
    """How to run a workload as a server under load, and when to take snapshots.

    Its arguments, environment and every text here may hold ``{port}``, ``{port.NAME}``,
    ``{tmp}`` (the trial's own directory) and ``{here}`` (the matrix file's).
    """

    ready: Annotated[ReadySpec, BeforeValidator(expand_ready)]
    """When it is ready: a URL to poll until it answers, or a line of output."""
    ready_within: Seconds = 30.0
    """How long that may take; after that, the outcome is ``not ready``."""
    ports: Annotated[
        list[Name], BeforeValidator(one_or_many), Field(min_length=1, max_length=100)
    ] = ["http"]
    """Names of ports; each gets a free one, and ``{port}`` is the first."""
    idle: NonNegativeSeconds = 0.5
    """Time between ready and the ``idle`` snapshot."""
    warmup: NonNegativeSeconds = 0.0
    """How long to run the load before it is measured."""
    warmup_requests: Annotated[int, Field(ge=0, le=1_000_000_000)] = 0
    """How many requests of the generator's to send before the load is measured."""
    load: LoadSpec
    """The load."""
    settle: NonNegativeSeconds = 1.0
    """Time between the end of the load and the ``after`` snapshot."""
    stop: Annotated[str, AfterValidator(_check_signal)] = "SIGTERM"
    """The signal to stop it with."""
    stop_within: Seconds = 10.0
    """Time after which it is killed. That is outcome ``timeout``, unless ``stop`` is KILL."""

    @property
    def warmup_seconds(self) -> float:
        """How long the load runs before it is measured."""
        requests = 0 if self.load.command else self.warmup_requests
        return max(self.warmup, requests / self.load.rate)

    @property
    def seconds(self) -> float:
        """How long the phases take at least."""
        return self.idle + self.warmup_seconds + (self.load.duration or 0.0) + self.settle
