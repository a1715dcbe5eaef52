"""How often Slack lets an app call: tiers a minute by method, and one message a second in a channel.

From Slack's page on rate limits: tier 1 allows 1 call a minute and more, tier 2 20, tier 3 50, tier 4 100;
chat.postMessage is special: about one a second in a channel, short bursts above it are let through, and
several hundred a minute in a workspace. What is refused gets 429 with Retry-After in whole seconds.
"""

import math
from collections import defaultdict, deque
from dataclasses import dataclass, field

_SPECIAL = ("chat.postMessage", "chat.postEphemeral")
_TIERS = {
    1: ("apps.connections.open", "auth.revoke"),
    2: ("conversations.list", "users.list", "usergroups.list", "chat.startStream", "reactions.list"),
    3: (
        "chat.update",
        "chat.delete",
        "chat.unfurl",
        "conversations.history",
        "conversations.replies",
        "conversations.info",
        "conversations.open",
        "conversations.join",
        "reactions.add",
        "reactions.remove",
        "reactions.get",
        "users.lookupByEmail",
        "bots.info",
        "team.info",
        "chat.stopStream",
    ),
}
_A_MINUTE = {1: 1, 2: 20, 3: 50, 4: 100}


def _tier(method: str) -> int:
    return next((tier for tier, methods in _TIERS.items() if method in methods), 4)


@dataclass
class Limits:
    """Refuses what is above Slack's limits. `a_minute` overrides single methods; `burst` is for one channel."""

    a_minute: dict[str, int] = field(default_factory=dict)
    channel_seconds: float = 1.0
    burst: int = 4
    workspace_minute: int = 600
    connections_a_minute: int = 60
    _windows: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _full_at: dict[str, float] = field(default_factory=dict)

    def refuse(self, method: str, channel: str, now: float) -> int | None:
        """Counts a call; the seconds to wait where it was one too many, which is not counted."""
        if method in _SPECIAL:
            return self._in_channel(f"{method} {channel}", now) or self._in_window(
                "workspace", self.workspace_minute, now
            )
        if method == "apps.connections.open":
            return self._in_window(method, self.connections_a_minute, now)
        return self._in_window(method, self.a_minute.get(method, _A_MINUTE[_tier(method)]), now)

    def _in_window(self, key: str, most: int, now: float) -> int | None:
        window = self._windows[key]
        while window and window[0] <= now - 60:
            window.popleft()
        if len(window) >= most:
            return max(1, math.ceil(window[0] + 60 - now))
        window.append(now)
        return None

    def _in_channel(self, key: str, now: float) -> int | None:
        """A leaky bucket: it holds `burst` messages and lets one out every `channel_seconds`."""
        due = max(self._full_at.get(key, now), now)
        if due - now > self.channel_seconds * (self.burst - 1) + 1e-6:
            return max(1, math.ceil(due - now - self.channel_seconds * (self.burst - 1)))
        self._full_at[key] = due + self.channel_seconds
        return None
