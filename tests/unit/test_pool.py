"""The pool: what is kept ready, what a task gets of it, what is thrown away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest

from honk.adapters.pool import Parker, Size, WarmPool
from honk.adapters.pool.parked import Parked
from honk.domain.limits import Limits
from honk.domain.person import PersonId
from honk.domain.repository import Base, Repository, Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.errors import Unreachable
from honk.ports import NoPool, Pass, Pool, Repositories, Seat, Session, Sitting, Spare, Tell, Tools, Wanted

pytestmark = pytest.mark.anyio
GIB = 1 << 30
MUSIC = Repository(url="/music", name="music", key="music-1")
WORDS = "make it louder"
WANTED = Wanted(guidance="be brief", environment={}, words=WORDS)


@dataclass
class FakeSpares:
    """Spares without files."""

    made: int = 0
    free: set[Path] = field(default_factory=set)
    given: dict[TaskId, Spare] = field(default_factory=dict)
    broken: bool = False

    async def make(self, repository: Repository, base: Base) -> Spare:
        self.made += 1
        spare = Spare(folder=Path(f"/spares/{self.made}"), repository=repository, base=base)
        self.free.add(spare.folder)
        return spare

    def give(self, spare: Spare, task: TaskId) -> Spare | None:
        if self.broken:
            raise OSError("planted")
        if task in self.given:
            return None
        self.given[task] = replace(spare, folder=Path("/tasks") / task)
        return self.given[task]

    async def remove(self, spare: Spare) -> None:
        self.free.discard(spare.folder)

    async def sweep(self) -> None:
        self.free.clear()


@dataclass
class FakeParked:
    """An agent that waits, without a process."""

    spare: Spare
    started_with: Wanted
    agent_name: str = "claude"
    alive: bool = True
    told: str = ""
    began: float = 0.0
    sat: list[Sitting] = field(default_factory=list)
    ended: str = ""
    place: Spare | None = None

    async def tell(self, words: str) -> None:
        self.told = words

    def moved(self, to: Spare) -> None:
        self.place = to

    def matches(self, wanted: Wanted) -> bool:
        return Parked.matches(cast(Parked, self), wanted)

    def sit(self, sitting: Sitting) -> Seat:
        self.sat.append(sitting)
        return Seat(name="session", session=cast(Session, self))

    async def end(self, *, broken_off: bool, tell: bool = True) -> None:
        self.alive = False
        self.ended = "killed" if broken_off else "let go"


@dataclass
class FakeParker:
    """Parks whatever it is given."""

    model: str | None = None
    parked: list[FakeParked] = field(default_factory=list)

    async def park(self, spare: Spare) -> FakeParked:
        made = FakeParked(spare, replace(WANTED, words="", model=self.model), began=asyncio.get_running_loop().time())
        self.parked.append(made)
        return made


@dataclass
class FakeTargets:
    """Tips of repositories."""

    tip: str = "a"
    away: bool = False

    async def refresh(self, repository: Repository, tell: Tell) -> None:
        if self.away:
            raise Unreachable("the network is away")

    async def base(self, repository: Repository, branch: str | None) -> Base:
        return base(self.tip)


def base(letter: str) -> Base:
    return Base(branch="main", commit=Sha(letter * 40))


def task(name: str, *, repository: Repository = MUSIC, **options: str) -> Task:
    return Task(
        id=TaskId(name),
        repository=repository,
        instruction=WORDS,
        requested_by=PersonId("p"),
        state=State.ACCEPTED,
        options=Options(limits=Limits(usd=1.0, calls=1, seconds=1.0), **options),  # type: ignore[arg-type]
        created_at=datetime(2026, 11, 21, tzinfo=UTC),
    )


async def _never() -> str:
    raise AssertionError


def sitting(name: str) -> Sitting:
    async def nothing(_: object) -> None:
        return None

    async def ask(_: str, __: tuple[str, ...]) -> str:
        raise AssertionError

    tools = Tools(verify=_never, may_end=_never, ask=ask)
    return Sitting(permit=Pass(task=TaskId(name)), attempt=1, tools=tools, tell=nothing, spend=nothing)


@dataclass
class Kept:
    """A pool and everything around it."""

    pool: WarmPool
    spares: FakeSpares
    parker: FakeParker
    targets: FakeTargets
    memory: list[int]


@asynccontextmanager
async def kept(*repositories: Repository, size: Size | None = None) -> AsyncIterator[Kept]:
    spares, parker, targets, memory = FakeSpares(), FakeParker(), FakeTargets(), [8 * GIB]
    pool = WarmPool(
        spares,
        cast(Parker, parker),
        cast(Repositories, targets),
        size=size or Size(calm=0.0),
        busy=lambda: False,
        available=lambda: memory[0],
    )

    async def recent() -> list[Repository]:
        return list(repositories)

    async with pool.kept(recent):
        await pool.filled()
        yield Kept(pool, spares, parker, targets, memory)
    assert not spares.free
    assert all(one.ended for one in parker.parked)


async def test_a_task_gets_the_spare_and_the_agent_that_waits_in_it() -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one = task("one")
        assert await world.pool.furnish(one, base("a"))
        assert agent.place == world.spares.given[one.id]
        async with world.pool.claim(one, WANTED, sitting("one")) as seat:
            assert seat is not None
            assert [given.permit.task for given in agent.sat] == ["one"]
        assert agent.ended == "let go"
        await world.pool.filled()
        assert len(world.parker.parked) == 2


async def test_a_task_that_begins_with_a_plan_gets_the_spare_and_no_agent_that_can_write() -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one = task("one")
        one = replace(one, options=replace(one.options, plan=True))
        await world.pool.ahead(one, WORDS)
        assert agent.told == ""
        assert await world.pool.furnish(one, base("a"))
        assert agent.ended == "killed" and one.id in world.spares.given
        async with world.pool.claim(one, WANTED, sitting("one")) as seat:
            assert seat is None


async def test_an_agent_never_serves_two_tasks() -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one, two = task("one"), task("two")
        await world.pool.ahead(one, WORDS)
        await world.pool.ahead(two, "other words")
        assert agent.told == WORDS
        assert await world.pool.furnish(one, base("a"))
        async with world.pool.claim(two, replace(WANTED, words="other words"), sitting("two")) as seat:
            assert seat is None
        async with world.pool.claim(one, WANTED, sitting("one")) as seat:
            assert seat is not None
        async with world.pool.claim(one, WANTED, sitting("one")) as seat:
            assert seat is None
        assert [given.permit.task for given in agent.sat] == ["one"]


@pytest.mark.parametrize(
    "wanted",
    [
        replace(WANTED, guidance="be long"),
        replace(WANTED, model="another"),
        replace(WANTED, environment={"A": "b"}),
        replace(WANTED, words="what it was not told"),
    ],
)
async def test_an_agent_that_is_not_what_is_wanted_is_gone_before_the_task_goes_on(wanted: Wanted) -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one = task("one")
        await world.pool.ahead(one, WORDS)
        assert await world.pool.furnish(one, base("a"))
        async with world.pool.claim(one, wanted, sitting("one")) as seat:
            assert seat is None
            assert agent.ended == "killed"
        assert not agent.sat


async def test_work_that_breaks_off_kills_the_agent() -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one = task("one")
        await world.pool.furnish(one, base("a"))
        with pytest.raises(RuntimeError):
            async with world.pool.claim(one, WANTED, sitting("one")):
                raise RuntimeError
        assert agent.ended == "killed"


async def test_a_spare_behind_its_target_is_not_given() -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one = task("one")
        world.targets.tip = "b"
        await world.pool.ahead(one, WORDS)
        assert not await world.pool.furnish(one, base("b"))
        await world.pool.filled()
        assert agent.ended == "killed"
        assert not agent.sat
        assert await world.pool.furnish(task("two"), base("b"))


async def test_other_options_get_the_checkout_without_the_agent() -> None:
    async with kept(MUSIC) as world:
        [agent] = world.parker.parked
        one = task("one", model="another")
        await world.pool.ahead(one, WORDS)
        assert agent.told == ""
        assert await world.pool.furnish(one, base("a"))
        assert agent.ended == "killed"
        async with world.pool.claim(one, replace(WANTED, model="another"), sitting("one")) as seat:
            assert seat is None


async def test_the_dead_and_the_old_are_replaced() -> None:
    async with kept(MUSIC, size=Size(calm=0.0, age=0.0)) as world:
        first = world.parker.parked[0]
        world.pool.look()
        await world.pool.filled()
        assert first.ended == "killed"
    async with kept(MUSIC) as world:
        world.parker.parked[0].alive = False
        world.pool.look()
        await world.pool.filled()
        assert len(world.parker.parked) == 2


async def test_without_memory_nobody_waits() -> None:
    async with kept(MUSIC) as world:
        world.memory[0] = 100 << 20
        world.pool.look()
        await world.pool.filled()
        assert world.parker.parked[0].ended == "killed"
        assert world.pool.waiting == 0
        assert await world.pool.furnish(task("one"), base("a"))


async def test_the_latest_repositories_have_spares_and_agents_are_shared() -> None:
    repositories = [Repository(url=f"/{n}", name=f"r{n}", key=f"r{n}") for n in range(6)]
    async with kept(*repositories, size=Size(agents=3, repositories=4, calm=0.0)) as world:
        assert world.spares.made == 4
        assert sorted(one.spare.repository.name for one in world.parker.parked) == ["r3", "r4", "r5"]
    async with kept(MUSIC, size=Size(agents=3, repositories=4, calm=0.0)) as world:
        assert world.pool.waiting == 3
    async with kept(MUSIC, size=Size(agents=0, repositories=4, calm=0.0)) as world:
        assert (world.spares.made, world.pool.waiting) == (1, 0)
        assert await world.pool.furnish(task("one"), base("a"))


async def test_a_target_out_of_reach_costs_only_its_spare() -> None:
    async with kept(MUSIC) as world:
        world.targets.away = True
        world.pool.look()
        await world.pool.filled()
        assert not await world.pool.furnish(task("one"), base("a"))
        world.targets.away = False
        world.pool.look()
        await world.pool.filled()
        assert await world.pool.furnish(task("one"), base("a"))


async def test_a_spare_that_is_not_as_it_was_made_is_thrown_away() -> None:
    async with kept(MUSIC) as world:
        world.spares.broken = True
        assert not await world.pool.furnish(task("one"), base("a"))
        await world.pool.filled()
        assert world.parker.parked[0].ended == "killed"


async def test_words_that_no_task_follows_are_forgotten() -> None:
    async with kept(MUSIC, size=Size(calm=0.0, ahead=0.0)) as world:
        [agent] = world.parker.parked
        await world.pool.ahead(task("one"), WORDS)
        while not agent.ended:
            await asyncio.sleep(0)
        assert await world.pool.furnish(task("one"), base("a")) is False


async def test_without_a_pool_everything_is_made_when_asked_for() -> None:
    pool: Pool = NoPool()
    await pool.ahead(task("one"), WORDS)
    assert not await pool.furnish(task("one"), base("a"))
    async with pool.claim(task("one"), WANTED, sitting("one")) as seat:
        assert seat is None
