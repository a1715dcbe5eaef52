"""The door at GitHub on the world of fakes, in front of conversations that behave; driven over its own HTTP route."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import anyio
import httpx
from starlette.applications import Starlette

from honk.domain.discussion import Hint, HintKind, Permission, Remark
from honk.domain.limits import Limits
from honk.domain.person import Person
from honk.domain.pull_request import MergeMethod
from honk.domain.repository import Named
from honk.domain.task import State, Task, TaskId
from honk.domain.text import Secret
from honk.doors.github import Backstage, Choices, GithubDoor, Waits
from honk.doors.github.signing import signature
from honk.service import Defaults, Diagnosis, Feed, Local
from honk.service.linking import Linking
from honk.testing.fake_discussions import FakeDiscussions, FakePlace
from honk.testing.world import World, world

T = TypeVar("T")
NAME = "acme/player"
SECRET = Secret("it is a secret to everybody")
#: nobody waits long in tests
QUICK = Waits(answer=8.0, look=0.05, later=0.02, rest=0.2, gather=0.0, edit=0.0, again=0.1)
#: nothing comes by itself: tests say what is delivered
SILENT = Choices(poll=0.0)


@dataclass(kw_only=True)
class GithubWorld:
    """A world with the door, and the place in front of it. Ada may write there, Eve may read, Mallory nothing."""

    world: World
    github: FakeDiscussions
    place: FakePlace
    door: GithubDoor
    feed: Feed
    linking: Linking
    client: httpx.AsyncClient
    listed: list[Named] = field(default_factory=list)
    #: which tasks the door had looked at
    looked: list[TaskId] = field(default_factory=list)
    #: how much of what happened in the place was delivered
    delivered: int = 0
    numbers: int = 0
    #: ids of what was delivered
    kept: list[str] = field(default_factory=list)

    def local(self, person: Person) -> Local:
        """The service in this process."""
        return Local(
            app=self.world.app,
            feed=self.feed,
            person=person,
            defaults=Defaults(limits=Limits(usd=3.0), model="", merge=MergeMethod.MERGE),
            alone=lambda: nullcontext(False),
            doctor=self._doctor,
            listed=lambda: tuple(self.listed),
        )

    async def _doctor(self) -> tuple[Diagnosis, ...]:
        return ()

    async def look(self, task: TaskId) -> None:
        """See Backstage.look."""
        self.looked.append(task)

    # ── what GitHub delivers ───────────────────────────────────────────────────────────────────
    async def deliver(self) -> None:
        """Everything that happened since the last time, as webhooks."""
        fresh = [hint for _, hint in self.place.happened[self.delivered :]]
        self.delivered = len(self.place.happened)
        for hint in fresh:
            await self.webhook(hint)

    async def webhook(self, hint: Hint, guid: str = "") -> int:
        """One hint as GitHub would tell it; the status of the answer."""
        self.numbers += 1
        event, payload = payload_of(hint)
        return (await self.post(event, payload, guid or f"g-{self.numbers}")).status_code

    async def post(self, event: str, payload: object, guid: str, *, body: bytes | None = None) -> httpx.Response:
        """A signed request."""
        content = json.dumps(payload).encode() if body is None else body
        self.kept += [f"github/{guid}/{place}" for place in range(3)]
        headers = {
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": guid,
            "X-Hub-Signature-256": signature(SECRET, content),
            "Content-Type": "application/json",
        }
        return await self.client.post("/github/events", content=content, headers=headers)

    async def settled(self) -> None:
        """Every delivery is worked on."""
        deliveries = self.world.store.chats.deliveries
        for id in self.kept:
            while (one := await deliveries.get(id)) is not None and one.body:
                await anyio.sleep(0.01)

    # ── what people see ────────────────────────────────────────────────────────────────────────
    async def ask(self, words: str = "@honk fix the crash", by: str = "ada") -> int:
        """Somebody opens an issue with these words; its number."""
        number = self.place.open_issue(by, "The player breaks", words)
        await self.deliver()
        return number

    async def proposed(self) -> tuple[Task, int]:
        """The latest task, once it proposes something, with its pull request in the place."""
        task = await self.rests(State.PROPOSED)
        head = (await self.world.pull_request(task)).head
        there = [one.number for one in self.place.issues.values() if one.branch == task.branch]
        if there:
            self.place.push(there[0], head)
        number = (
            there[0]
            if there
            else self.place.open_pull_request(self.github.login, "fix the crash", branch=task.branch, head=head)
        )
        await self.deliver()
        return task, number

    async def rests(self, *states: State) -> Task:
        """The task that was asked for last, once it is in one of these states."""
        return await until(lambda: self._latest(states or (State.PROPOSED,)))

    async def turned(self, task: Task, turn: int) -> Task:
        """The task, once that turn has ended."""

        async def there() -> Task | None:
            now = await self.world.now(task)
            over = now.turn >= turn and (await self.world.store.tasks.turn(task.id, turn)).outcome is not None
            return now if over else None

        return await until(there)

    async def _latest(self, states: tuple[State, ...]) -> Task | None:
        found = await self.world.latest()
        return found if found is not None and found.state in states else None

    async def said(self, number: int, words: str) -> Remark:
        """What Honk says there with these words, once it does."""

        async def there() -> Remark | None:
            found = [one for one in self.place.said(number) if words in one.text]
            return found[-1] if found else None

        return await until(there)

    async def status(self, number: int, words: str = "") -> Remark:
        """The status comment there, once it has these words."""

        async def there() -> Remark | None:
            found = [one for one in self.place.said(number) if "<sub>" in one.text and words in one.text]
            assert len(found) < 2, "there is one status comment"
            return found[0] if found else None

        return await until(there)


async def until(found: Callable[[], Awaitable[T | None]]) -> T:
    """What is found, once it is."""
    while (made := await found()) is None:
        await anyio.sleep(0.01)
    return made


def payload_of(hint: Hint) -> tuple[str, Mapping[str, object]]:
    """The event and the least that GitHub would say of it."""
    repository = {"full_name": hint.repository}
    about: dict[str, object] = {"number": hint.number}
    id = int(hint.id.rpartition("/")[2]) if hint.id.rpartition("/")[2].isdigit() else 0
    match hint.kind:
        case HintKind.REMARK if hint.id.startswith("comment/"):
            return "issue_comment", {
                "action": "created",
                "repository": repository,
                "issue": about,
                "comment": {"id": id},
            }
        case HintKind.REMARK:
            event = "pull_request_review_comment"
            return event, {"action": "created", "repository": repository, "pull_request": about, "comment": {"id": id}}
        case HintKind.REVIEW:
            event = "pull_request_review"
            return event, {"action": "submitted", "repository": repository, "pull_request": about, "review": {"id": id}}
        case HintKind.ISSUE:
            return "issues", {"action": "opened", "repository": repository, "issue": about}
        case HintKind.LABELLED:
            label = {"label": {"name": hint.id}, "assignee": {"login": hint.id}}
            action = "assigned" if hint.id.endswith("[bot]") else "labeled"
            return "issues", {"action": action, "repository": repository, "issue": about, **label}
        case HintKind.PULL_REQUEST:
            event = "pull_request"
            return event, {"action": "synchronize", "repository": repository, "pull_request": about}
        case HintKind.CHECKS:
            return "status", {"repository": repository, "sha": hint.id}
        case HintKind.PUSH | HintKind.QUEUE | HintKind.RERUN:
            event, of = _of_commit(hint)
            return event, {"repository": repository, **of}
        case HintKind.DEPLOYMENT:
            return "deployment_status", {"repository": repository, "deployment": {"id": id}}
    return "repository", {"action": "renamed", "repository": repository}


def _of_commit(hint: Hint) -> tuple[str, Mapping[str, object]]:
    if hint.kind is HintKind.PUSH:
        return "push", {"ref": f"refs/heads/{hint.id}"}
    commit, _, base = hint.id.partition("/")
    if hint.kind is HintKind.RERUN:
        return "check_run", {"action": "rerequested", "check_run": {"head_sha": commit}, "sender": {"login": base}}
    group = {"head_sha": commit, "base_ref": f"refs/heads/{base}"}
    return "merge_group", {"action": "checks_requested", "merge_group": group}


@asynccontextmanager
async def github_world(
    home: Path,
    *,
    choices: Choices = SILENT,
    waits: Waits = QUICK,
    public: bool = False,
    opened: bool = True,
    slug: str = "honk",
) -> AsyncIterator[GithubWorld]:
    """The worker is at work, and the door is open."""
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(world(home))
        feed = Feed(made.store.events)
        made.store.listen(feed.heard)
        await stack.enter_async_context(feed.running())
        identify = made.app.ports.repositories.identify
        github = FakeDiscussions(made.clock, slug=slug, identify=identify)
        place = github.add(NAME, public=public)
        place.grant("ada", Permission.WRITE)
        if not public:
            place.grant("eve", Permission.READ)
        linking = Linking(sign=lambda kind, text: "a" * 20, links=made.store.chats.links, app=made.app)
        here = GithubWorld(
            world=made,
            github=github,
            place=place,
            door=None,  # type: ignore[arg-type]
            feed=feed,
            linking=linking,
            client=None,  # type: ignore[arg-type]
        )
        here.door = door_of(here, choices, waits)
        app = Starlette(routes=list(here.door.routes()))
        transport = httpx.ASGITransport(app=app)
        here.client = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://honk"))
        await stack.enter_async_context(made.working())
        if opened:
            await stack.enter_async_context(here.door.opened())
            while not here.door.open_:
                await anyio.sleep(0.01)
        yield here


def door_of(here: GithubWorld, choices: Choices, waits: Waits = QUICK, secret: Secret = SECRET) -> GithubDoor:
    """A door on the same store: there may be several."""
    store = here.world.store
    backstage = Backstage(
        ports=here.world.app.ports,
        chats=store.chats,
        service=here.local,
        linking=here.linking,
        listen=store.listen,
        listed=lambda: tuple(here.listed),
        look=here.look,
        queue=here.world.app.answer_queue,
        show=here.world.app.show_verdict,
        choices=choices,
        waits=waits,
    )
    return GithubDoor(backstage, here.github, secret)
