"""GitHub's limits: how fast Honk may ask and write, and when it has to wait.

https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import anyio
import structlog

from honk.adapters.github.trouble import RateLimited, words

_log = structlog.get_logger()

#: Longer waits are the journal's.
LONGEST = timedelta(seconds=60)
#: Content that people are told of: GitHub limits how fast it may be made.
_CREATES = re.compile(
    r"/(comments|replies|pulls|issues|reviews|events|requested_reviewers|revert|dispatches|deployments|graphql)$"
)
_APART = timedelta(seconds=1)
_WINDOWS = ((timedelta(minutes=1), 80), (timedelta(hours=1), 500))
_SECONDARY = re.compile(r"secondary rate|abuse detection", re.I)
_TOO_QUICK = re.compile(r"submitted too quickly", re.I)
_LARGEST_SKEW = timedelta(days=1)
_CONCURRENT = 20
_LANES = 500


def creates(method: str, path: str) -> bool:
    """Whether the request makes content of the kind whose pace is limited."""
    return method == "POST" and _CREATES.search(path.partition("?")[0]) is not None


def skew(headers: Mapping[str, str], now: datetime) -> timedelta:
    """How far GitHub's clock is ahead of ours, by the answer's `Date`.

    With more than a day between them no certificate would hold, so then it is the `Date` that is not believed.
    """
    try:
        ahead = parsedate_to_datetime(headers["date"]).astimezone(UTC) - now
    except (KeyError, ValueError, TypeError):
        return timedelta()
    return ahead if abs(ahead) < _LARGEST_SKEW else timedelta()


def closed_until(
    status: int, headers: Mapping[str, str], body: Any, now: datetime, *, refusals: int
) -> datetime | None:
    """Until when this answer asks to wait, by our clock; None where it is no refusal for a limit.

    `refusals` counts those before: the time doubles where GitHub says none.
    """
    if status == 200:
        return (reset(headers, now) or now + LONGEST) if _over_in_graphql(body) else None
    said, errors = words(body)
    if status == 422 and any(_TOO_QUICK.search(one) for one in (said, *errors)):
        return now + LONGEST * int(2**refusals)
    if status not in {403, 429}:
        return None
    if (after := _after(headers, now)) is not None:
        return now + after
    if headers.get("x-ratelimit-remaining") == "0":
        return max(reset(headers, now) or now + LONGEST, now + _APART)
    if status == 429 or _SECONDARY.search(said):
        return now + LONGEST * int(2**refusals)
    return None


def _after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """`Retry-After` in seconds or as a date, by https://www.rfc-editor.org/rfc/rfc9110#name-retry-after."""
    text = headers.get("retry-after", "")
    if (seconds := _number(text)) is not None:
        return timedelta(seconds=seconds)
    try:
        at = parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, TypeError):
        return None
    return max(timedelta(), at - skew(headers, now) - now)


def reset(headers: Mapping[str, str], now: datetime) -> datetime | None:
    """When the primary limit is full again, by our clock."""
    at = _number(headers.get("x-ratelimit-reset", ""))
    if at is None:
        return None
    return max(now, datetime.fromtimestamp(at, UTC) - skew(headers, now))


@dataclass
class _Lane:
    """What is known of one account's limits."""

    turn: anyio.Lock = field(default_factory=anyio.Lock)
    at_once: anyio.Semaphore = field(default_factory=lambda: anyio.Semaphore(_CONCURRENT))
    #: by resource, such as "core"
    closed: dict[str, datetime] = field(default_factory=dict)
    made: deque[datetime] = field(default_factory=deque)
    #: until when the log says that Honk waits
    told: datetime | None = None


class Pacing:
    """One for each server; a lane for each account that asks there."""

    def __init__(self, clock: Callable[[], datetime], sleep: Callable[[float], Awaitable[object]]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lanes: dict[str, _Lane] = {}

    @asynccontextmanager
    async def turn(self, lane: str, *, writes: bool, making: bool) -> AsyncIterator[None]:
        """Writes go one at a time, and content is made at GitHub's pace. Raises RateLimited."""
        known = self._lane(lane)
        if not writes:
            async with known.at_once:
                yield
            return
        async with known.turn:
            if making:
                await self._paced(known)
            yield

    async def open(self, lane: str, resource: str) -> None:
        """Returns when the lane may be used. Raises RateLimited where that is more than a minute off."""
        known = self._lane(lane)
        until = max(known.closed.get(one, datetime.min.replace(tzinfo=UTC)) for one in (resource, "*"))
        if until > self._clock():
            if known.told != until:
                known.told = until
                _log.warning(
                    "GitHub asks Honk to wait",
                    name="github.limited",
                    until=until.isoformat(),
                    lane=lane,
                    resource=resource,
                )
            await self._wait(until)
            known.closed.pop(resource, None)
            known.closed.pop("*", None)

    def note(self, lane: str, resource: str, headers: Mapping[str, str]) -> None:
        """Remembers that the primary limit is used up with this answer."""
        if headers.get("x-ratelimit-remaining") == "0" and (until := reset(headers, self._clock())):
            self._lane(lane).closed[headers.get("x-ratelimit-resource", resource)] = until

    def close(self, lane: str, resource: str, until: datetime) -> None:
        """Nothing more is asked for before then."""
        self._lane(lane).closed[resource] = until

    async def pause(self, seconds: float) -> None:
        await self._sleep(seconds)

    def _lane(self, lane: str) -> _Lane:
        if lane not in self._lanes and len(self._lanes) >= _LANES:
            # People's tokens change every few hours.
            for old in [one for one in self._lanes if one.startswith("token/")][:1]:
                del self._lanes[old]
        return self._lanes.setdefault(lane, _Lane())

    async def _paced(self, lane: _Lane) -> None:
        now = self._clock()
        while lane.made and lane.made[0] <= now - _WINDOWS[-1][0]:
            lane.made.popleft()
        at = max(now, lane.made[-1] + _APART) if lane.made else now
        for window, most in _WINDOWS:
            if len(lane.made) >= most:
                at = max(at, lane.made[-most] + window)
        if at - now > LONGEST:
            raise RateLimited(at, "Honk has written as much on GitHub as it may in an hour", "it goes on by itself")
        if at > now:
            await self._sleep((at - now).total_seconds())
        lane.made.append(at)

    async def _wait(self, until: datetime) -> None:
        seconds = (until - self._clock()).total_seconds()
        if seconds > LONGEST.total_seconds():
            raise RateLimited(
                until,
                f"GitHub asks to wait until {until:%H:%M:%S} UTC: its limit for Honk is used up",
                "nothing needs to be done: it goes on then",
            )
        await self._sleep(max(seconds, 0.0))


def _over_in_graphql(body: Any) -> bool:
    """https://docs.github.com/en/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api"""
    errors = body.get("errors") if isinstance(body, dict) else None
    return isinstance(errors, list) and any(
        isinstance(one, dict) and one.get("type") == "RATE_LIMITED" for one in errors
    )


def _number(text: str) -> int | None:
    return int(text) if re.fullmatch(r"\d{1,12}", text.strip()) else None
