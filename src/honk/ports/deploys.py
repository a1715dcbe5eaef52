"""Environments: the line before each, what people froze, and the health of what is live."""

from datetime import datetime
from typing import Protocol

from honk.domain.deploy_health import HealthWatch
from honk.domain.deploy_line import Freeze, Place, Stand
from honk.domain.deploy_webhook import TargetSays, WebhookCall
from honk.domain.task import TaskId


class Deploys(Protocol):
    """One deployment an environment at a time, in the order of merging. Every method is one transaction."""

    async def enter(self, place: Place) -> Place:
        """A place in the line, as it comes. One that is there keeps its order, and is what it was if it is going."""

    async def take(self, task: TaskId, *, first: bool = False) -> Place | None:
        """The task is the one that deploys from now on: None. Otherwise which place is before it.

        `first` waits for nobody but for who deploys already. Places of the same branch that are closed are before
        nobody: whoever comes later takes them along. Taken already: None.
        """

    async def hold(self, task: TaskId, stand: Stand) -> Place | None:
        """It waits, closed or behind another. None where it is not in the line."""

    async def leave(self, task: TaskId, *, waiting: bool = False) -> bool:
        """Its landing has ended. With `waiting`, also where it waits; without, a place that waits stays."""

    async def places(self) -> tuple[Place, ...]:
        """Everybody's, in order."""

    async def freeze(self, freeze: Freeze) -> None:
        """In place of a former one of that repository and environment."""

    async def thaw(self, repository: str, environment: str) -> Freeze | None:
        """None where there was none."""

    async def freezes(self, repository: str) -> tuple[Freeze, ...]:
        """Those of the repository, whether they have run out or not."""

    async def watch(self, watch: HealthWatch) -> None:
        """Keeps it as it is now."""

    async def unwatch(self, deployment: str) -> None:
        """Its health is not looked at any more."""

    async def watches(self) -> tuple[HealthWatch, ...]:
        """All that are to be looked at, whose turn comes first before the others."""


class WebhookCalls(Protocol):
    """What was told to targets of webhooks, and what they said. Every method is one transaction."""

    async def begin(self, call: WebhookCall) -> None:
        """It may be told from now on. Known already: no effect."""

    async def forget(self, deployment: str) -> None:
        """It certainly was not told."""

    async def answered(self, deployment: str, status_url: str, at: datetime) -> None:
        """The target has it, and may have named an address at which it is asked. Known already: no effect."""

    async def say(self, deployment: str, said: TargetSays, at: datetime) -> bool:
        """Keeps what was said of it at that time; False, and no effect, where it is unknown or has ended, or where
        something later is known of one that goes on.
        """

    async def find(self, deployment: str) -> WebhookCall | None:
        """None for one that was never told."""


class Looker(Protocol):
    """Looks at addresses from this host, as the operator's rules for networks allow it."""

    async def look(self, url: str) -> str:
        """Why that address is not healthy, in a sentence; "" where it answers 2xx within 10 s.

        Addresses inside, which sandboxes may not reach either, are not looked at, nor is a redirect to them followed.
        """


class NoLooker:
    """Where nothing is looked at."""

    async def look(self, url: str) -> str:
        return "nothing is looked at here"


class NoWebhookCalls:
    """Where nothing is told to targets of webhooks."""

    async def begin(self, call: WebhookCall) -> None:
        return

    async def forget(self, deployment: str) -> None:
        return

    async def answered(self, deployment: str, status_url: str, at: datetime) -> None:
        return

    async def say(self, deployment: str, said: TargetSays, at: datetime) -> bool:
        return False

    async def find(self, deployment: str) -> WebhookCall | None:
        return None
