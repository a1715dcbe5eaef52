"""How fast Slack may be asked: its own limits a method, and whatever it says in Retry-After.

The rates are those of Slack's tiers (https://docs.slack.dev/apis/web-api/rate-limits), a little below them, so that
a 429 is the exception. Posting is bounded by the channel besides.
"""

import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import anyio


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """So many calls a minute in the long run, and so many at once after a rest."""

    a_minute: float
    at_once: int


# Of these, what is at once and what comes in a minute are together no more than the tier: whoever has gone beyond it is
# told to wait for most of a minute, and all cards stand still meanwhile.
TIER_2 = Rate(a_minute=13, at_once=6)
TIER_3 = Rate(a_minute=36, at_once=12)
TIER_4 = Rate(a_minute=70, at_once=26)
#: channels that are remembered; of the others nothing is left to be remembered
_CHANNELS = 2_000
#: a channel takes one message a second, in short bursts more
CHANNEL = Rate(a_minute=58, at_once=4)
#: all channels of a workspace together take several hundred messages a minute
WORKSPACE = Rate(a_minute=280, at_once=60)

RATES = {
    "chat.postMessage": WORKSPACE,
    "chat.postEphemeral": TIER_4,
    "chat.update": TIER_3,
    "chat.getPermalink": TIER_4,
    # soon or never: whoever asks in a burst sees it at once
    "reactions.add": Rate(a_minute=24, at_once=24),
    "reactions.remove": TIER_2,
    "conversations.replies": TIER_3,
    "conversations.history": TIER_3,
    "conversations.info": TIER_3,
    "conversations.open": TIER_3,
    "users.info": TIER_4,
    "views.open": TIER_4,
    "views.update": TIER_4,
    "views.publish": TIER_4,
    "files.getUploadURLExternal": TIER_4,
    "files.completeUploadExternal": TIER_4,
    "chat.startStream": TIER_2,
    "chat.appendStream": TIER_4,
    "chat.stopStream": TIER_2,
}
_OTHERWISE = TIER_3
#: of a permit, which no wait is worth
_ROUNDING = 1e-6


class _Bucket:
    """Permits that come back with time."""

    def __init__(self, rate: Rate, now: float) -> None:
        self.rate = rate
        self._left = float(rate.at_once)
        self._at = now
        #: nothing is permitted before: Slack said so
        self.not_before = now

    def left(self, now: float) -> float:
        self._left = min(self._left + (now - self._at) * self.rate.a_minute / 60, float(self.rate.at_once))
        self._at = now
        return self._left

    def wait(self, now: float, before: int = 0) -> float:
        """Seconds until one is permitted, after those that were asked for before."""
        missing = 1.0 + before - self.left(now)
        missing = missing * 60 / self.rate.a_minute if missing > _ROUNDING else 0.0
        return max(missing, self.not_before - now, 0.0)

    def take(self, now: float) -> None:
        self._left = self.left(now) - 1.0


class Pace:
    """Gives permits. Whoever asks first is served first."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._buckets: dict[str, _Bucket] = {}
        self._lines: dict[str, anyio.Lock] = {}
        #: how many wait in each line
        self._waiting: Counter[str] = Counter()

    async def permit(self, method: str, channel: str = "", *, within: float = math.inf) -> bool:
        """True when the method may be called, which counts the call; False once that would take longer than `within`.

        That many seconds are the most that is waited. Nothing is counted then.
        """
        names = list(dict.fromkeys((method, self._name(method, channel))))
        line, given_up = names[-1], self._now() + within
        if max(self._bucket(name).wait(self._now(), self._waiting[line]) for name in names) > within:
            return False
        self._waiting[line] += 1
        try:
            # one line for a channel: the others need not wait behind a full one
            async with self._lines.setdefault(line, anyio.Lock()):
                while (wait := max(self._bucket(name).wait(self._now()) for name in names)) > 0:
                    if self._now() + wait > given_up:
                        return False
                    await self._sleep(wait)
                for name in names:
                    self._bucket(name).take(self._now())
        finally:
            self._waiting[line] -= 1
        return True

    def hold(self, method: str, seconds: float, channel: str = "") -> None:
        """Slack wants that long a pause; where a channel has a rate of its own, in that channel only."""
        bucket = self._bucket(self._name(method, channel))
        bucket.not_before = max(bucket.not_before, self._now() + seconds)

    def scarce(self, method: str) -> bool:
        """Whether what is not urgent had better wait: most of the permits are used up, or Slack wants a pause."""
        bucket, now = self._bucket(method), self._now()
        return bucket.not_before > now or bucket.left(now) < bucket.rate.at_once / 3

    @staticmethod
    def _name(method: str, channel: str) -> str:
        """Of the narrowest rate that there is for it."""
        return f"{method} {channel}" if channel and method == "chat.postMessage" else method

    def _bucket(self, name: str) -> _Bucket:
        if name not in self._buckets:
            if len(self._buckets) > _CHANNELS:
                self._forget()
            rate = CHANNEL if " " in name else RATES.get(name, _OTHERWISE)
            self._buckets[name] = _Bucket(rate, self._now())
        return self._buckets[name]

    def _forget(self) -> None:
        """Drops what is as if it had never been used."""
        now = self._now()
        for name, bucket in list(self._buckets.items()):
            rested = bucket.left(now) >= bucket.rate.at_once and bucket.not_before <= now
            if rested and not ((line := self._lines.get(name)) and line.locked()):
                self._buckets.pop(name)
                self._lines.pop(name, None)
