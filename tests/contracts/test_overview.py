"""What the store promises to the pages that look over many tasks; on SQLite and PostgreSQL."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta

import pytest
from store_world import ANN, BORN, Clock, a_message, a_task

from honk.adapters.sql import SqlStore
from honk.domain.build import Build
from honk.domain.deployment import Deployment, DeploymentState
from honk.domain.event import BuildReady, DeploymentStarted, DeploymentWaits, TaskMoved
from honk.domain.limits import Spending
from honk.domain.overview import Channel, CostOf, Told
from honk.domain.person import Identity, PersonId
from honk.domain.repository import Repository, Sha
from honk.domain.rules import Known, Rules
from honk.domain.search import Wanted
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn

pytestmark = pytest.mark.anyio
BEA = Identity.parse("slack:U1")
MUSIC = Repository(url="/srv/music", name="music", key="music-1")
SHOP = Repository(url="https://github.com/acme/shop", name="shop", key="shop-2")


class Kept:
    """A store, whose policy a test may change."""

    def __init__(self, url: str) -> None:
        self.clock, self.rules = Clock(), Rules()
        self.store = SqlStore(url, clock=self.clock, rules=lambda: self.rules)

    async def task(self, id: str, by: Identity = ANN, name: str = "Ann", text: str = "it", **changed: object) -> Task:
        person = await self.store.tasks.person(by, name)
        task = a_task(person, id, instruction=text, **changed)
        turn = Turn(task=task.id, number=1, message=a_message(person, f"m-{id}"))
        return await self.store.tasks.add(task, turn)

    async def found(self, limit: int = 50, **wanted: object) -> list[str]:
        """Ids, newest first; the count must be the same."""
        asked = Wanted(**wanted)  # type: ignore[arg-type]
        rows = await self.store.overview.search(asked, limit=limit)
        assert await self.store.overview.count(asked, most=limit) == len(rows)
        return [row.task.id for row in rows]


@pytest.fixture
async def kept(database_url: str) -> AsyncIterator[Kept]:
    made = Kept(database_url)
    async with made.store:
        yield made


async def test_words_are_found_whatever_their_letters_are(kept: Kept) -> None:
    await kept.task("a", text="Fix the CRASH\nwhen a playlist is empty")
    await kept.task("b", text="Größe der Überschrift, 100% \0 \udcff 'x' \\ path/to_file")
    await kept.task("c", text="anything", options=Options(title="Take back a crash", model="opus"))
    assert set(await kept.found(words=("crash",))) == {"a", "c"}
    assert await kept.found(words=("crash", "playlist")) == ["a"]
    for word in (
        "größe",
        "GRÖßE",
        "ÜBERSCHRIFT",
        "100%",
        "\0",
        "\udcff",
        "'x'",
        "\\",
        "o_f",
        "/to_",
    ):
        assert await kept.found(words=(word,)) == ["b"], word
    for word in ("0%0", "e_p", "opus", "' OR 1=1 --", '"', "title", "%", "_"):
        assert await kept.found(words=(word,)) == (["b"] if word in "%_" else []), word
    await kept.task("the-id-7f3a")
    assert await kept.found(words=("the-id",)) == ["the-id-7f3a"] and await kept.found(words=("7f3a",)) == []


async def test_every_condition_must_fit(kept: Kept) -> None:
    ann = await kept.store.tasks.person(ANN, "Ann")
    await kept.task("a", created_at=BORN)
    await kept.task("b", by=BEA, name="Bea", created_at=BORN + timedelta(hours=1), repository=SHOP)
    await kept.task("c", created_at=BORN + timedelta(hours=2), repository=SHOP, state=State.FAILED)
    assert await kept.found() == ["c", "b", "a"]
    assert await kept.found(repositories=frozenset({"shop-2"})) == ["c", "b"]
    assert await kept.found(repositories=frozenset()) == []
    assert await kept.found(states=frozenset({State.FAILED})) == ["c"]
    assert await kept.found(states=frozenset()) == []
    assert await kept.found(people=frozenset({ann.id})) == ["c", "a"]
    assert await kept.found(people=frozenset({ann.id}), repositories=frozenset({"music-1"})) == ["a"]
    one = (Wanted(states=frozenset({State.FAILED})), Wanted(people=frozenset({ann.id}), words=("a",)))
    assert await kept.found(either=one) == ["c", "a"]
    assert await kept.found(either=one, repositories=frozenset({"music-1"})) == ["a"]
    assert await kept.found(since=BORN + timedelta(hours=1)) == ["c", "b"]
    assert await kept.store.overview.count(Wanted(), most=2) == 2


async def test_a_row_says_who_asked_what_it_cost_and_when_it_was_heard_of(kept: Kept) -> None:
    await kept.task("a")
    kept.clock.pass_by(hours=5)
    await kept.store.tasks.move(TaskId("a"), State.CODING)
    await kept.store.records.add_spending(TaskId("a"), Spending(usd=0.25, calls=1))
    (row,) = await kept.store.overview.search(Wanted(), limit=5)
    assert (row.asked_by, row.usd, row.heard) == ("Ann", 0.25, BORN + timedelta(hours=5))
    kept.rules = Rules(people=(Known(key="ann", name="Ann Other", identities=(BEA, ANN)),))
    joined = await kept.store.tasks.person(BEA, "Bea")
    (row,) = await kept.store.overview.search(Wanted(people=frozenset({joined.id})), limit=5)
    assert row.asked_by == "Ann Other"


async def test_pages_join_without_a_gap_while_tasks_are_added(kept: Kept) -> None:
    for number in range(7):
        # some at the same moment
        await kept.task(f"t{number}", created_at=BORN + timedelta(seconds=number // 2))
    seen: list[str] = []
    before: TaskId | None = None
    while page := await kept.store.overview.search(Wanted(), limit=2, before=before):
        seen += [row.task.id for row in page]
        before = page[-1].task.id
        await kept.task(f"new-{len(seen)}", created_at=BORN + timedelta(hours=len(seen)))
    assert seen == [f"t{number}" for number in reversed(range(7))]


async def test_a_person_is_found_by_key_identity_and_name(kept: Kept) -> None:
    ann = await kept.store.tasks.person(ANN, "Ann Größer_1")
    bea = await kept.store.tasks.person(BEA, "Bea")
    people = kept.store.overview.people
    for text in ("ann", "ANN", "local:ann", "größer", "r_1", "Ann Gr"):
        assert await people(text) == {ann.id}, text
    for text in ("U1", "slack:U1", "bea"):
        assert await people(text) == {bea.id}, text
    for text in ("nobody", "%", "slack:", "\0", "\udcff", "local:", "' OR 1=1 --"):
        assert await people(text) == frozenset(), text
    kept.rules = Rules(people=(Known(key="both", name="Both", identities=(ANN, BEA)),))
    joined = await kept.store.tasks.person(ANN, "Ann")
    assert await people("both") == {joined.id} and {PersonId(joined.id)} == await people("slack:U1")


def a_build(task: Task, id: str, digest: str = "d") -> Build:
    return Build(id=id, task=task.id, commit=Sha("c" * 40), kind="web", digest=digest * 64, size=3)


def a_deployment(task: Task, id: str, **changed: object) -> Deployment:
    made = Deployment(
        id=id,
        task=task.id,
        repository=task.repository.key,
        environment="production",
        commit=Sha("c" * 40),
        digest="d" * 64,
        state=DeploymentState.LIVE,
        at=BORN,
    )
    return replace(made, **changed)  # type: ignore[arg-type]


async def test_builds_come_by_repository_and_channel(kept: Kept) -> None:
    music, shop = await kept.task("a"), await kept.task("b", repository=SHOP)
    records, overview = kept.store.records, kept.store.overview
    for number in range(5):
        await records.save_build(a_build(music, f"m{number}", str(number)))
    await records.save_build(a_build(shop, "s0"))
    await kept.store.events.record(
        music.id, 1, BuildReady(build="m4", kind="web", commit="c", digest="d", size=1, preview_url=None)
    )
    await records.save_deployment(a_deployment(music, "x", digest="3" * 64))
    await records.save_deployment(a_deployment(music, "y", digest="2" * 64, state=DeploymentState.FAILED))
    rows = await overview.builds()
    assert [row.build.id for row in rows] == ["s0", "m4", "m3", "m2", "m1", "m0"]
    assert [row.deployed for row in rows][:4] == [(), (), ("production",), ()]
    assert (rows[1].at, rows[0].at) == (BORN, None)
    assert [row.build.id for row in await overview.builds(repository="music-1", limit=2)] == ["m4", "m3"]
    assert [row.build.id for row in await overview.builds(repository="music-1", before="m3")] == ["m2", "m1", "m0"]
    assert [row.build.id for row in await overview.builds(channel=Channel.MAIN)] == ["m3"]
    assert [row.build.id for row in await overview.builds(channel=Channel.PULL_REQUEST, limit=3)] == ["s0", "m4", "m2"]
    assert await overview.builds(repository="' OR 1=1 --") == ()


async def test_a_place_has_its_history_and_what_undo_returns_to(kept: Kept) -> None:
    music, shop = await kept.task("a"), await kept.task("b", repository=SHOP)
    records, overview = kept.store.records, kept.store.overview
    for number in range(5):
        last = a_deployment(music, f"x{number}", at=BORN + timedelta(hours=number), previous="x0" if number else None)
        await records.save_deployment(last)
    await records.save_deployment(a_deployment(shop, "s", environment="staging", state=DeploymentState.STARTED))
    first, second = await overview.places(history=3)
    assert [one.id for one in first.history] == ["x4", "x3", "x2"] and first.before is not None
    assert (first.before.id, second.before, second.environment) == ("x0", None, "staging")
    assert await overview.places(repository="shop-2") == (second,)


async def test_what_was_told_of_a_deployment_is_found(kept: Kept) -> None:
    music = await kept.task("a")
    bea = await kept.store.tasks.person(BEA, "Bea")
    record = kept.store.events.record
    started = DeploymentStarted(deployment="x", environment="e", commit="c", undo="as before")
    await record(music.id, 1, started)
    await record(music.id, 1, TaskMoved(state="deploying", before="merged"), actor=bea.id)
    await record(music.id, 1, replace(started, deployment="y"))
    await record(music.id, 1, DeploymentWaits(deployment="y", environment="e", reason="an approval"))
    told = await kept.store.overview.told({music.id}, {"x", "y", "z"})
    assert told == {"x": Told(undo="as before"), "y": Told(by=bea.id, undo="as before", waits="an approval")}
    assert await kept.store.overview.told(set(), {"x"}) == {}


async def test_costs_add_up_however_they_are_asked_for(kept: Kept) -> None:
    tasks = [await kept.task("a"), await kept.task("b", by=BEA, name="Bea", repository=SHOP)]
    for day, task, usd in ((0, 0, 1.0), (1, 0, 2.0), (1, 1, 0.5)):
        kept.clock.now = BORN + timedelta(days=day)
        await kept.store.budgets.reserve(tasks[task].id, day + 1, tasks[task].requested_by, 5.0)
        await kept.store.records.add_spending(tasks[task].id, Spending(usd=usd, calls=1))
        if task == 0:
            await kept.store.budgets.settle(tasks[task].id, day + 1)
    first = BORN.date()

    async def table(of: CostOf, since: date = first) -> list[tuple[str, float, int, int]]:
        found = await kept.store.overview.costs(of, since=since)
        return [(one.of, round(one.usd, 6), one.turns, one.tasks) for one in found]

    second = first + timedelta(days=1)
    assert await table(CostOf.DAY) == [(str(second), 2.5, 2, 2), (str(first), 1.0, 1, 1)]
    assert await table(CostOf.DAY, second) == [(str(second), 2.5, 2, 2)]
    assert await table(CostOf.TASK) == [("a", 3.0, 2, 1), ("b", 0.5, 1, 1)]
    assert await table(CostOf.REPOSITORY) == [("music-1", 3.0, 2, 1), ("shop-2", 0.5, 1, 1)]
    assert await table(CostOf.PERSON) == [(tasks[0].requested_by, 3.0, 2, 1), (tasks[1].requested_by, 0.5, 1, 1)]
    assert await table(CostOf.DAY, second + timedelta(days=1)) == []
