"""GitLab's events: whom the door believes, what it keeps, and where it looks."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from starlette.applications import Starlette

from honk.adapters.sql import SqlStore
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.doors.gitlab import DOOR, PATH, GitlabDoor, task_of
from honk.errors import Unreachable

pytestmark = pytest.mark.anyio
TOKEN = "token of the webhook"
MERGE_REQUEST: dict[str, Any] = {
    "object_kind": "merge_request",
    "project": {"path_with_namespace": "acme/tools/app"},
    "object_attributes": {"iid": 1, "source_branch": "honk/fix-it", "action": "update", "state": "merged"},
}
EVENTS = [
    MERGE_REQUEST,
    {"object_kind": "push", "ref": "refs/heads/honk/fix-it", "after": "0" * 40},
    {"object_kind": "pipeline", "object_attributes": {"ref": "honk/fix-it", "status": "failed"}, "merge_request": None},
    {
        "object_kind": "pipeline",
        "object_attributes": {"ref": "refs/merge-requests/1/head"},
        "merge_request": {"source_branch": "honk/fix-it"},
    },
    {
        "object_kind": "note",
        "object_attributes": {"note": "merge it!", "noteable_type": "MergeRequest"},
        "merge_request": {"iid": 1, "source_branch": "honk/fix-it"},
    },
]


@dataclass
class Looked:
    """Where the door looked; `fails` is how often that goes wrong first."""

    at: list[TaskId] = field(default_factory=list)
    fails: int = 0
    tried: int = 0
    bell: anyio.Event = field(default_factory=anyio.Event)

    async def __call__(self, task: TaskId) -> None:
        self.tried += 1
        self.bell.set()
        self.bell = anyio.Event()
        if self.fails:
            self.fails -= 1
            raise Unreachable("GitLab did not answer")
        self.at.append(task)

    async def until(self, count: int) -> None:
        with anyio.fail_after(5):
            while len(self.at) < count:
                await self.bell.wait()


@pytest.fixture
async def store() -> AsyncIterator[SqlStore]:
    async with SqlStore("sqlite://") as opened:
        yield opened


@asynccontextmanager
async def opened(
    store: SqlStore, looked: Looked, token: str = TOKEN, *, works: bool = True
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the door; without `works` nobody works on what is kept."""
    door = GitlabDoor(Secret(token), store.chats.deliveries, store.now, looked)
    transport = httpx.ASGITransport(app=Starlette(routes=list(door.routes())))
    async with httpx.AsyncClient(transport=transport, base_url="https://honk.example.com") as client:
        if not works:
            yield client
            return
        async with door.opened():
            yield client


async def post(
    client: httpx.AsyncClient, body: Any, *, token: str | None = TOKEN, key: str = "", content: bytes | None = None
) -> int:
    headers = {"Content-Type": "application/json", "X-Gitlab-Event": "Merge Request Hook"}
    headers |= {"X-Gitlab-Token": token} if token is not None else {}
    headers |= {"Idempotency-Key": key} if key else {}
    if content is not None:
        return (await client.post(PATH, content=content, headers=headers)).status_code
    return (await client.post(PATH, json=body, headers=headers)).status_code


@pytest.mark.parametrize("event", EVENTS)
async def test_an_event_makes_honk_look_at_the_task(store: SqlStore, event: dict[str, Any]) -> None:
    looked = Looked()
    async with opened(store, looked) as client:
        assert await post(client, event) == 200
        await looked.until(1)
    assert looked.at == ["fix-it"]


@pytest.mark.parametrize("token", [None, "", "wrong", TOKEN.upper(), f"{TOKEN} "[:-2], "tökén"])
async def test_whoever_has_not_the_token_is_not_believed(store: SqlStore, token: str | None) -> None:
    looked = Looked()
    async with opened(store, looked) as client:
        given = token.encode("latin-1") if token else token
        headers = {} if given is None else {"X-Gitlab-Token": given}
        answer = await client.post(PATH, json=MERGE_REQUEST, headers=headers)  # type: ignore[arg-type]
        assert answer.status_code == 401
        assert TOKEN not in answer.text
    assert await store.chats.deliveries.take(DOOR, "me", store.now(), 10) == ()
    assert looked.at == []


async def test_without_a_token_nobody_is_believed(store: SqlStore) -> None:
    async with opened(store, Looked(), "") as client:
        assert await post(client, MERGE_REQUEST, token="") == 401


async def test_a_delivery_that_comes_again_is_known(store: SqlStore) -> None:
    looked = Looked()
    async with opened(store, looked) as client:
        for key in ("one", "one", "one", "two"):
            assert await post(client, MERGE_REQUEST, key=key) == 200
        await looked.until(2)
    assert looked.tried == 2


async def test_nothing_of_an_event_is_kept_but_the_task(store: SqlStore) -> None:
    async with opened(store, Looked(), works=False) as client:
        assert await post(client, MERGE_REQUEST, key="one") == 200
    [kept] = await store.chats.deliveries.take(DOOR, "me", store.now(), 10)
    assert (kept.body, kept.kind, kept.lane) == ("fix-it", "look", "gitlab/fix-it")


async def test_what_was_kept_before_a_restart_is_looked_at_after_it(store: SqlStore) -> None:
    async with opened(store, Looked(), works=False) as client:
        assert await post(client, MERGE_REQUEST) == 200
    looked = Looked()
    async with opened(store, looked):
        await looked.until(1)
    assert looked.at == ["fix-it"]


async def test_a_look_that_fails_is_put_off_and_not_forgotten(store: SqlStore) -> None:
    looked = Looked(fails=1)
    async with opened(store, looked) as client:
        assert await post(client, MERGE_REQUEST, key="one") == 200
        with anyio.fail_after(5):
            while not looked.tried:
                await looked.bell.wait()
        assert await post(client, {**MERGE_REQUEST, "object_attributes": {"source_branch": "honk/other"}}) == 200
        await looked.until(1)
    assert looked.at == ["other"]


@pytest.mark.parametrize(
    "event",
    [
        {"object_kind": "push", "ref": "refs/heads/main"},
        {"object_kind": "push", "ref": "refs/tags/honk/fix-it"},
        {"object_kind": "push", "ref": "refs/heads/honk/../../etc"},
        {"object_kind": "push", "ref": "refs/heads/honk/"},
        {"object_kind": "note", "object_attributes": {"noteable_type": "Issue"}},
        {"object_kind": "merge_request", "object_attributes": {"source_branch": "theirs"}},
        {"object_kind": "tag_push", "ref": "refs/tags/1"},
        {"object_kind": "an_event_of_tomorrow", "object_attributes": {"source_branch": "honk/fix-it"}},
    ],
)
async def test_what_is_not_about_honk_is_acknowledged_and_not_kept(store: SqlStore, event: dict[str, Any]) -> None:
    async with opened(store, Looked(), works=False) as client:
        assert await post(client, event) == 200
    assert await store.chats.deliveries.take(DOOR, "me", store.now(), 10) == ()


@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b'{"object_kind": 3}', 400), (b'{"x": 1}', 400), (b"x" * 5_000_001, 413)],
)
async def test_what_is_no_event_is_refused(store: SqlStore, content: bytes, status: int) -> None:
    async with opened(store, Looked(), works=False) as client:
        assert await post(client, None, content=content) == status


async def test_only_posts_are_answered(store: SqlStore) -> None:
    async with opened(store, Looked(), works=False) as client:
        assert (await client.get(PATH)).status_code == 405


def test_a_branch_names_a_task() -> None:
    assert task_of("honk/fix-it") == "fix-it"
    assert task_of("fix-it") is None
    assert task_of("honk/a/b") is None
