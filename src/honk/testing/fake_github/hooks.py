"""Webhooks: what is sent to an app, in which order, and what it answered.

By https://docs.github.com/en/webhooks/webhook-events-and-payloads and
https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries.
"""

import asyncio
import contextlib
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp

from honk.testing.fake_github import shapes
from honk.testing.fake_github.records import Account, App, Installation, Json, Repo

if TYPE_CHECKING:
    from honk.testing.fake_github.world import World

#: how long GitHub waits for an answer, in seconds
PATIENCE = 10.0


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One attempt to deliver; `status` is 0 until there was an answer."""

    id: int
    guid: str
    app: App
    event: str
    payload: Json
    body: bytes
    headers: Mapping[str, str]
    at: datetime
    redelivery: bool = False
    status: int = 0
    answer: str = ""
    repository: int | None = None
    installation: int | None = None

    @property
    def action(self) -> str | None:
        found = self.payload.get("action")
        return found if isinstance(found, str) else None


@dataclass(eq=False)
class Hooks:
    """Deliveries in order, one after another, while the server serves."""

    world: "World"
    #: everything that was delivered or tried, oldest first
    deliveries: list[Delivery] = field(default_factory=list)
    #: nothing is sent while this is true; `release` sends what has gathered
    held: bool = False
    patience: float = PATIENCE
    _waiting: list[Delivery] = field(default_factory=list)
    _queue: asyncio.Queue[Delivery] = field(default_factory=asyncio.Queue)
    _worker: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Begins to send."""
        self._worker = asyncio.create_task(self._work())

    async def close(self) -> None:
        """Ends, also in the middle of a delivery."""
        if self._worker is not None:
            self._worker.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._worker

    async def settled(self) -> None:
        """Returns when everything that is not held back was delivered."""
        await self._queue.join()

    # what happens

    def emit(self, repo: Repo, event: str, payload: Json, sender: Account | None) -> None:
        """Something happened in a repository: the apps that are installed there and subscribed get it."""
        for one in list(self.world.installations.values()):
            if one.removed or one.suspended_at or event not in [*one.app.events, "repository"]:
                continue
            if one.account is not repo.owner or (one.repositories is not None and repo.id not in one.repositories):
                continue
            full: Json = {**payload, "repository": shapes.repository(self.world, repo)}
            if repo.owner.type == "Organization":
                full["organization"] = shapes.organization(self.world, repo.owner)
            full["sender"] = shapes.user(self.world, sender or self.world.ghost)
            full["installation"] = {"id": one.id, "node_id": shapes.node("Installation", one.id)}
            self._send(one.app, event, full, repository=repo.id, installation=one.id)

    def installation(self, installation: Installation, action: str) -> None:
        """The app was installed, suspended or removed."""
        payload: Json = {
            "action": action,
            "installation": shapes.installation(self.world, installation),
            "sender": shapes.user(self.world, self.world.ghost),
        }
        if action in ("created", "deleted"):
            payload["repositories"] = [
                shapes.short_repository(one)
                for one in self.world.repos.values()
                if one.owner is installation.account
                and (installation.repositories is None or one.id in installation.repositories)
            ]
        self._send(installation.app, "installation", payload, installation=installation.id)

    def chosen(self, installation: Installation, before: set[int] | None) -> None:
        """Other repositories than before: what came and what went."""
        every = {one.id for one in self.world.repos.values() if one.owner is installation.account}
        old, new = before if before is not None else every, installation.repositories
        new = new if new is not None else every
        for action, added, removed in (("added", new - old, set[int]()), ("removed", set[int](), old - new)):
            if added or removed:
                payload: Json = {
                    "action": action,
                    "installation": shapes.installation(self.world, installation),
                    "repository_selection": "all" if installation.repositories is None else "selected",
                    "repositories_added": [shapes.short_repository(self.world.repos[id]) for id in sorted(added)],
                    "repositories_removed": [shapes.short_repository(self.world.repos[id]) for id in sorted(removed)],
                    "requester": None,
                    "sender": shapes.user(self.world, self.world.ghost),
                }
                self._send(installation.app, "installation_repositories", payload, installation=installation.id)

    def ping(self, app: App) -> None:
        """What GitHub sends to a new webhook."""
        self._send(app, "ping", {"zen": "Keep it logically awesome.", "hook_id": app.id, "hook": self._hook(app)})

    def _hook(self, app: App) -> Json:
        config = {"url": app.webhook_url, "content_type": "json", "insecure_ssl": "0", "secret": "********"}
        return {
            "type": "App",
            "id": app.id,
            "name": "web",
            "active": True,
            "events": app.events,
            "config": config,
            "app_id": app.id,
            "created_at": shapes.when(app.created_at),
            "updated_at": shapes.when(app.created_at),
            "deliveries_url": f"{self.world.url}/app/hook/deliveries",
        }

    def send(self, app: App, event: str, payload: Json) -> Delivery:
        """Any payload, signed."""
        return self._send(app, event, payload)

    def _send(
        self, app: App, event: str, payload: Json, *, repository: int | None = None, installation: int | None = None
    ) -> Delivery:
        body = json.dumps(payload).encode()
        guid = str(uuid4())
        made = Delivery(
            id=self.world.number(),
            guid=guid,
            app=app,
            event=event,
            payload=payload,
            body=body,
            headers=_headers(app, event, guid, body),
            at=self.world.now(),
            repository=repository,
            installation=installation,
        )
        if app.webhook_url:
            self._put(made)
        return made

    def _put(self, delivery: Delivery) -> None:
        if self.held:
            self._waiting.append(delivery)
        else:
            self._queue.put_nowait(delivery)

    def hold(self) -> None:
        """Keeps back what happens from now on."""
        self.held = True

    def release(self, order: Callable[[list[Delivery]], list[Delivery]] = list) -> None:
        """Sends what was kept back, in an order that may be another, with some twice or not at all."""
        self.held = False
        gathered, self._waiting = self._waiting, []
        for one in order(gathered):
            self._queue.put_nowait(one)

    def redeliver(self, delivery: Delivery) -> None:
        """The same again, under the same GUID."""
        again = replace(delivery, id=self.world.number(), redelivery=True, status=0, answer="", at=self.world.now())
        self._put(again)

    async def _work(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self.patience)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            while True:
                one = await self._queue.get()
                try:
                    self.deliveries.append(await self._deliver(http, one))
                finally:
                    self._queue.task_done()

    async def _deliver(self, http: aiohttp.ClientSession, one: Delivery) -> Delivery:
        try:
            async with http.post(
                one.app.webhook_url, data=one.body, headers=one.headers, allow_redirects=False
            ) as answer:
                return replace(one, status=answer.status, answer=await answer.text())
        except (aiohttp.ClientError, TimeoutError) as error:
            return replace(one, status=502, answer=str(error))


def _headers(app: App, event: str, guid: str, body: bytes) -> dict[str, str]:
    headers = {
        "Accept": "*/*",
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": guid,
        "X-GitHub-Event": event,
        "X-GitHub-Hook-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-ID": str(app.id),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    if app.webhook_secret:
        for name, digest in (("X-Hub-Signature", hashlib.sha1), ("X-Hub-Signature-256", hashlib.sha256)):
            made: Any = hmac.new(app.webhook_secret.encode(), body, digest)
            headers[name] = f"{made.name.removeprefix('hmac-')}={made.hexdigest()}"
    return headers
