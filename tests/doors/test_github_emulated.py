"""The door at GitHub in front of npm's `emulate`, which nobody here wrote: its signed webhooks, over HTTP."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import anyio
import httpx
import pytest
from github_world import QUICK, SILENT, GithubWorld, github_world
from starlette.applications import Starlette

from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth
from honk.adapters.github.discussions import GithubDiscussions
from honk.adapters.github.own import Own
from honk.domain.discussion import Hint, HintKind
from honk.domain.task import State
from honk.domain.thread import Delivery
from honk.doors.github import Backstage, GithubDoor
from honk.doors.github.names import unpacked
from honk.ports.conversations import Deliveries
from partners.emulate_github import (
    APP_ID,
    REPOSITORY,
    SECRET,
    EmulatedGitHub,
    emulated_github,
    private_key,
    served,
)

pytestmark = [pytest.mark.anyio, pytest.mark.partner("emulate"), pytest.mark.seconds(60)]
AT = f"/repos/{REPOSITORY}"


class Kept:
    """The deliveries of the store, which says what the door kept."""

    def __init__(self, port: Deliveries) -> None:
        self._port = port
        self.hints: list[Hint] = []
        self.done_: set[str] = set()
        self.ids: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)

    async def keep(self, delivery: Delivery) -> bool:
        fresh = await self._port.keep(delivery)
        self.ids.append(delivery.id)
        if fresh:
            self.hints.append(unpacked(delivery.body))
        return fresh

    async def done(self, id: str, *, keeps: bool = False) -> None:
        await self._port.done(id, keeps=keeps)
        self.done_.add(id)


@dataclass(kw_only=True)
class Listening:
    """A door that emulate delivers to, and that reads from emulate what counts."""

    here: GithubWorld
    hub: EmulatedGitHub
    kept: Kept
    #: of the door's own answers
    statuses: list[int] = field(default_factory=list)
    #: what emulate delivered: the headers and the body
    posted: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""

    async def hears(self, kind: HintKind, number: int = 0, id: str = "") -> None:
        """Waits for that hint."""
        wanted = Hint(kind=kind, repository=REPOSITORY, number=number, id=id)
        while wanted not in self.kept.hints:
            await anyio.sleep(0.01)

    async def settled(self) -> None:
        """Everything that was kept is done."""
        while not set(self.kept.ids) <= self.kept.done_:
            await anyio.sleep(0.01)

    async def said(self, number: int) -> list[dict[str, Any]]:
        """The comments there."""
        return list(await self.hub.by("ada", "GET", f"{AT}/issues/{number}/comments"))

    async def branch(self, name: str = "topic") -> str:
        """ada pushes a branch; the commit."""
        main = await self.hub.by("ada", "GET", f"{AT}/git/ref/heads/main")
        tip = main["object"]["sha"]
        await self.hub.by("ada", "POST", f"{AT}/git/refs", {"ref": f"refs/heads/{name}", "sha": tip})
        body = {"message": "x", "content": "eA==", "branch": name}
        return str((await self.hub.by("ada", "PUT", f"{AT}/contents/x.txt", body))["commit"]["sha"])


@asynccontextmanager
async def listening(tmp_path: Path) -> AsyncIterator[Listening]:
    """Everything that it asks is as GitHub's description says, in the end."""
    async with AsyncExitStack() as stack:
        here = await stack.enter_async_context(github_world(tmp_path, opened=False))
        app = Starlette()
        address = await stack.enter_async_context(served(app))
        hub = await stack.enter_async_context(emulated_github(webhook_url=f"{address}/github/events"))
        auth = AppAuth(app_id=str(APP_ID), private_key=private_key())
        api = await stack.enter_async_context(
            Api(api_url=hub.url, web_url=hub.url, auth=auth, clock=lambda: datetime.now(UTC))
        )
        identify = here.world.app.ports.repositories.identify
        discussions = GithubDiscussions(api, Own(api), web=hub.url, identify=identify)
        store = here.world.store
        kept = Kept(store.chats.deliveries)
        backstage = Backstage(
            ports=here.world.app.ports,
            chats=replace(store.chats, deliveries=cast("Deliveries", kept)),
            service=here.local,
            linking=here.linking,
            listen=store.listen,
            listed=lambda: tuple(here.listed),
            look=here.look,
            queue=here.world.app.answer_queue,
            show=here.world.app.show_verdict,
            choices=SILENT,
            waits=QUICK,
        )
        door = GithubDoor(backstage, discussions, SECRET)
        made = Listening(here=here, hub=hub, kept=kept, url=f"{address}/github/events")
        app.router.routes.extend(door.routes())
        app.add_middleware(_Seen, made=made)
        await stack.enter_async_context(door.opened())
        while not door.open_:
            await anyio.sleep(0.01)
        yield made
        await made.settled()
        assert not hub.faults() and set(made.statuses) == {202}


class _Seen:
    """Keeps what is posted, and the status of the answer."""

    def __init__(self, app: Any, made: Listening) -> None:
        self._app = app
        self._made = made

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = b""

        async def received() -> Any:
            nonlocal body
            message = await receive()
            body += message.get("body", b"")
            return message

        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                headers = {name.decode(): value.decode() for name, value in scope["headers"]}
                self._made.posted.append((headers, body))
                self._made.statuses.append(message["status"])
            await send(message)

        await self._app(scope, received, sent)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Listening]:
    async with listening(tmp_path) as made:
        yield made


async def test_issues_and_comments(door: Listening) -> None:
    issue = await door.hub.by("ada", "POST", f"{AT}/issues", {"title": "It breaks", "body": "Words"})
    number = issue["number"]
    await door.hears(HintKind.ISSUE, number)
    comment = await door.hub.by("ben", "POST", f"{AT}/issues/{number}/comments", {"body": "So it does"})
    await door.hears(HintKind.REMARK, number, f"comment/{comment['id']}")
    await door.hub.by("ada", "POST", f"{AT}/labels", {"name": "bug", "color": "7f8c8d"})
    await door.hub.by("ada", "POST", f"{AT}/issues/{number}/labels", {"labels": ["bug"]})
    await door.hears(HintKind.LABELLED, number, "bug")
    await door.hub.by("ada", "POST", f"{AT}/issues/{number}/assignees", {"assignees": ["ben"]})
    await door.hears(HintKind.LABELLED, number, "ben")
    await door.settled()
    assert await door.here.world.latest() is None, "nobody asked for anything"


async def test_pull_requests_reviews_and_checks(door: Listening) -> None:
    head = await door.branch()
    await door.hears(HintKind.PUSH, id="topic")
    asked = {"title": "A change", "head": "topic", "base": "main"}
    number = (await door.hub.by("ada", "POST", f"{AT}/pulls", asked))["number"]
    await door.hears(HintKind.PULL_REQUEST, number)
    await door.hears(HintKind.ISSUE, number)
    review = await door.hub.by("ben", "POST", f"{AT}/pulls/{number}/reviews", {"event": "COMMENT", "body": "Hm"})
    await door.hears(HintKind.REVIEW, number, str(review["id"]))
    line = {"body": "Louder", "path": "x.txt", "line": 1, "side": "RIGHT", "commit_id": head}
    noted = await door.hub.by("ben", "POST", f"{AT}/pulls/{number}/comments", line)
    await door.hears(HintKind.REMARK, number, f"line/{noted['id']}")
    run = {"name": "tests", "head_sha": head, "status": "completed", "conclusion": "success"}
    await door.hub.by("ada", "POST", f"{AT}/check-runs", run)
    await door.hears(HintKind.CHECKS, id=head)
    await door.hub.by("ada", "PUT", f"{AT}/pulls/{number}/merge", {"sha": head})
    while '"closed"' not in str(door.posted[-1][1]):
        await anyio.sleep(0.01)


async def test_a_question_is_answered_where_it_was_asked(door: Listening) -> None:
    """What is asked is read from emulate, and so is who may; the work itself is done in the world of fakes."""
    words = {"title": "The player breaks", "body": "@honk fix the crash"}
    number = (await door.hub.by("ada", "POST", f"{AT}/issues", words))["number"]
    task = await door.here.rests(State.PROPOSED)
    assert task.repository.url == f"{door.hub.url}/{REPOSITORY}.git"
    while "Ready to merge" not in (said := await door.said(number))[-1]["body"]:
        await anyio.sleep(0.05)
    assert {one["user"]["login"] for one in said} == {"honk[bot]"}
    assert len([one for one in said if f"honk: status/{task.id}" in one["body"]]) == 1
    await door.hub.by("ben", "POST", f"{AT}/issues/{number}/comments", {"body": "@honk and the sound"})
    await door.here.turned(task, 2)


async def test_who_may_read_alone_does_not_merge(door: Listening) -> None:
    await door.hub.by("ada", "PUT", f"{AT}/collaborators/eve", {"permission": "pull"})
    words = {"title": "The player breaks", "body": "@honk fix the crash"}
    number = (await door.hub.by("eve", "POST", f"{AT}/issues", words))["number"]
    task = await door.here.rests(State.PROPOSED)
    await door.hub.by("eve", "POST", f"{AT}/issues/{number}/comments", {"body": "@honk merge"})
    refused = "@eve: Merging here takes the permission “write” in this repository; yours is “read”."
    while not any(one["body"].startswith(refused) for one in await door.said(number)):
        await anyio.sleep(0.05)
    assert (await door.here.world.now(task)).state is State.PROPOSED


async def test_a_delivery_counts_once_and_as_it_was_signed(door: Listening) -> None:
    await door.hub.by("ada", "POST", f"{AT}/issues", {"title": "It breaks", "body": "Words"})
    await door.hears(HintKind.ISSUE, 1)
    await door.settled()
    headers, body = next(one for one in door.posted if one[0]["x-github-event"] == "issues")
    sent = {name: headers[name] for name in headers if name.startswith("x-") or name == "content-type"}
    before = list(door.kept.hints)
    async with httpx.AsyncClient() as client:
        assert (await client.post(door.url, content=body, headers=sent)).status_code == 202, "again"
        assert (await client.post(door.url, content=body + b" ", headers=sent)).status_code == 401
        unsigned = {name: value for name, value in sent.items() if name != "x-hub-signature-256"}
        assert (await client.post(door.url, content=body, headers=unsigned)).status_code == 401
    assert door.kept.hints == before
    door.statuses[:] = [one for one in door.statuses if one != 401]
