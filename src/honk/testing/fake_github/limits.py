"""What goes wrong with calls: rate limits, failures of GitHub, broken connections.

By https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from honk.testing.fake_github.wire import Who

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

SECONDARY = (
    "You have exceeded a secondary rate limit and have been temporarily blocked from content creation. Please retry "
    "your request again later."
)


@dataclass(eq=False)
class Trouble:
    """The next `times` calls of a method with that in their path go wrong."""

    times: int
    status: int
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""
    path: str = ""
    #: the connection breaks: before anything was done, or after
    cut: Literal["", "before", "after"] = ""
    #: the call waits for it
    gate: asyncio.Event | None = None
    #: what happens just before the call is answered
    act: Callable[[], None] | None = None


@dataclass(eq=False)
class Limits:
    """An hour's calls for each token, and troubles that tests arrange."""

    world: "World"
    hourly: int = 5000
    troubles: list[Trouble] = field(default_factory=list)
    _used: dict[str, int] = field(default_factory=dict)
    _reset: dict[str, int] = field(default_factory=dict)
    #: until when everybody's hour is used up
    _all: int = 0

    def trouble(self, status: int = 500, times: int = 1, **more: Any) -> Trouble:
        """Arranges for trouble; `more` are fields of Trouble."""
        found = Trouble(times, status, **more)
        self.troubles.append(found)
        return found

    def secondary(
        self, retry_after: int | None = 60, times: int = 1, *, status: int = 403, method: str = "", path: str = ""
    ) -> Trouble:
        """The next calls meet a secondary limit."""
        headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        body = {"message": SECONDARY, "documentation_url": "https://docs.github.com/rest/overview/rate-limits"}
        return self.trouble(status, times, body=body, headers=headers, method=method, path=path)

    def break_connection(self, times: int = 1, *, after: bool = False, method: str = "", path: str = "") -> Trouble:
        """The connection of the next calls breaks: before anything is done, or after, before the answer."""
        return self.trouble(0, times, cut="after" if after else "before", method=method, path=path)

    def exhaust(self, seconds: int = 60) -> None:
        """Every token has used up its hour, until then."""
        reset = int((self.world.now() + timedelta(seconds=seconds)).timestamp())
        for one in [*self.world.tokens, "anonymous", "app"]:
            self._used[one], self._reset[one] = self.hourly, reset
        self._all = reset

    def next(self, method: str, path: str) -> Trouble | None:
        """The trouble that this call meets."""
        for one in self.troubles:
            if one.times > 0 and (not one.method or one.method == method) and one.path in path:
                one.times -= 1
                return one
        return None

    def headers(self, who: Who, counts: bool = True) -> tuple[dict[str, str], bool]:
        """Counts a call; what is said of the limit, and whether it is exceeded."""
        key = who.token.value if who.token else who.kind
        now = int(self.world.clock().timestamp())
        if self._reset.get(key, 0) <= now and self._all <= now:
            self._used[key], self._reset[key] = 0, now + 3600
        elif self._all > now:
            self._used[key], self._reset[key] = self.hourly, self._all
        over = self._used[key] >= self.hourly
        if counts and not over:
            self._used[key] += 1
        return {
            "X-RateLimit-Limit": str(self.hourly),
            "X-RateLimit-Remaining": str(self.hourly - self._used[key]),
            "X-RateLimit-Used": str(self._used[key]),
            "X-RateLimit-Reset": str(self._reset[key]),
            "X-RateLimit-Resource": "core",
        }, over
