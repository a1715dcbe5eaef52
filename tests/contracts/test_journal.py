"""What the journal promises, asked of the real one and of the one in memory."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from honk.adapters.dbos import DbosJournal
from honk.domain.attempt import Attempt, Change
from honk.domain.repository import FileChange, Sha
from honk.domain.task import TaskId
from honk.errors import Defect, LimitReached, NeedsHuman, Stopped, Unreachable
from honk.ports import Journal, Once
from honk.testing.memory_journal import Crashed, MemoryJournal

pytestmark = pytest.mark.anyio

#: the journal as a new process opens it, over the same records each time
Open = Callable[[], Awaitable[Journal]]


@pytest.fixture(params=["memory", "dbos", "dbos on postgresql"])
async def opened(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:
        memory = MemoryJournal()
        place: Path | str = tmp_path / "journal.db"
        if "postgresql" in request.param:
            place = request.getfixturevalue("postgres").database()

        async def open_memory() -> Journal:
            return memory.restarted()

        async def open_dbos() -> Journal:
            return await stack.enter_async_context(DbosJournal(place, retry_delays=(0, 0, 0)))

        yield open_memory if request.param == "memory" else open_dbos


class Diary:
    """What really happened, seen from outside the journal."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._written = asyncio.Event()

    def write(self, line: str) -> None:
        self.lines.append(line)
        self._written.set()

    async def until(self, line: str) -> None:
        while line not in self.lines:
            self._written.clear()
            await self._written.wait()

    def step(self, name: str, returns: str = "") -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            self.write(name)
            return returns or name

        return run

    def endless(self, name: str) -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            self.write(name)
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.write(f"{name} cut off")
                raise
            return name

        return run


async def test_a_workflow_runs_its_steps_and_returns(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def work(payload: str, once: Once) -> str:
        return payload + await once("a", str, diary.step("a")) + await once("b", str, diary.step("b"))

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "payload with \udcff and \0: ")
        assert await journal.wait("id") == "payload with \udcff and \0: ab"
        await journal.start("work", "id", "again")
        assert await journal.wait("id") == "payload with \udcff and \0: ab"
        assert await journal.unfinished() == ()
    assert diary.lines == ["a", "b"]


async def test_steps_run_where_the_caller_lives(opened: Open) -> None:
    journal, here = await opened(), (threading.get_ident(), asyncio.get_running_loop())

    async def work(payload: str, once: Once) -> str:
        async def where() -> bool:
            return (threading.get_ident(), asyncio.get_running_loop()) == here

        return str(await once("where", bool, where) and await where())

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        assert await journal.wait("id") == "True"


async def test_work_cut_off_by_leaving_goes_on_after_its_finished_steps(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def first_try(payload: str, once: Once) -> str:
        return await once("a", str, diary.step("a")) + await once("b", str, diary.endless("b"))

    async def second_try(payload: str, once: Once) -> str:
        return await once("a", str, diary.step("a")) + await once("b", str, diary.step("b again", "b"))

    async with journal.serve({"work": first_try}):
        await journal.start("work", "id", "")
        await diary.until("b")
    assert diary.lines == ["a", "b", "b cut off"]
    assert await journal.unfinished() == ("id",)

    journal = await opened()
    async with journal.serve({"work": second_try}):
        await journal.start("work", "id", "")
        assert await journal.wait("id") == "ab"
    assert diary.lines == ["a", "b", "b cut off", "b again"]


async def test_work_cut_off_goes_on_only_when_it_is_started_again(opened: Open) -> None:
    journal, diary = await opened(), Diary()

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, diary.endless("a") if payload == "first" else diary.step("b"))

    async with journal.serve({"work": work}):
        await journal.start("work", "first", "first")
        await diary.until("a")
    journal = await opened()
    async with journal.serve({"work": work}):
        await journal.start("work", "second", "second")
        await journal.wait("second")
        assert await journal.unfinished() == ("first",)
    assert diary.lines == ["a", "a cut off", "b"]


async def test_a_step_that_turns_the_cut_into_a_result_runs_again(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def stubborn() -> str:
        diary.write("stubborn")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return "half of it"
        return "never"

    async def first_try(payload: str, once: Once) -> str:
        return await once("a", str, stubborn)

    async def second_try(payload: str, once: Once) -> str:
        return await once("a", str, diary.step("a", "all of it"))

    async with journal.serve({"work": first_try}):
        await journal.start("work", "id", "")
        await diary.until("stubborn")
    journal = await opened()
    async with journal.serve({"work": second_try}):
        await journal.start("work", "id", "")
        assert await journal.wait("id") == "all of it"


async def test_another_release_may_add_remove_and_reorder_steps(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def old(payload: str, once: Once) -> str:
        for name in ("a", "b", "c"):
            await once(name, str, diary.step(name))
        return await once("d", str, diary.endless("d"))

    async def new(payload: str, once: Once) -> str:
        return "".join([await once(name, str, diary.step(f"new {name}", name)) for name in ("x", "c", "a", "d")])

    async with journal.serve({"work": old}):
        await journal.start("work", "id", "")
        await diary.until("d")
    journal = await opened()
    async with journal.serve({"work": new}):
        await journal.start("work", "id", "")
        assert await journal.wait("id") == "xcad"
    assert diary.lines == ["a", "b", "c", "d", "d cut off", "new x", "new d"]


async def test_nouns_survive_whole(opened: Open) -> None:
    file = FileChange(
        path="caf\udce9\n", status="A", old_mode="000000", new_mode="100644", insertions=1, deletions=0, binary=False
    )
    change = Change(base=Sha("a"), parent=Sha("b"), commit=Sha("c"), tree=Sha("d"), files=(file,))
    attempt = Attempt(task=TaskId("t"), turn=1, number=1, change=change, summary="done \0 \ud800")
    seen: list[Attempt] = []
    diary, journal = Diary(), await opened()

    async def made() -> Attempt:
        return attempt

    async def work(payload: str, once: Once) -> str:
        seen.append(await once("code", Attempt, made))
        return await once("end", str, diary.endless("end"))

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        await diary.until("end")
    diary.lines.clear()
    journal = await opened()
    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        await diary.until("end")
    assert seen == [attempt, attempt]


async def test_errors_come_back_as_what_they_were(opened: Open) -> None:
    diary, journal = Diary(), await opened()
    caught: list[LimitReached] = []

    async def too_much() -> str:
        diary.write("asked")
        raise LimitReached("money", "5 USD are spent", "Ask for more.")

    async def work(payload: str, once: Once) -> str:
        try:
            await once("a", str, too_much)
        except LimitReached as error:
            caught.append(error)
        if len(caught) == 1:
            await once("pause", str, diary.endless("pause"))
        raise caught[-1]

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        await diary.until("pause")
    journal = await opened()
    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        with pytest.raises(LimitReached) as raised:
            await journal.wait("id")
    assert diary.lines == ["asked", "pause", "pause cut off"]
    for error in [*caught, raised.value]:
        assert (error.kind, error.message, error.remedy) == ("money", "5 USD are spent", "Ask for more.")


async def test_what_nobody_expected_is_a_defect(opened: Open) -> None:
    journal = await opened()

    async def work(payload: str, once: Once) -> str:
        return {}["nothing"]  # type: ignore[no-any-return]

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        with pytest.raises(Defect, match="KeyError: 'nothing'"):
            await journal.wait("id")


async def test_what_may_pass_by_itself_is_tried_again(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def twice_down() -> str:
        diary.write("try")
        if len(diary.lines) < 3:
            raise Unreachable("nobody answers")
        return "up"

    async def down() -> str:
        diary.write("down")
        raise Unreachable("nobody answers")

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, twice_down) + await once("b", str, down)

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        with pytest.raises(Unreachable, match="nobody answers"):
            await journal.wait("id")
    assert diary.lines == ["try"] * 3 + ["down"] * 4


async def test_a_person_who_must_act_is_asked_once(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def refused() -> str:
        diary.write("try")
        raise NeedsHuman("no rights", "Ask the owner.")

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, refused)

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        with pytest.raises(NeedsHuman) as raised:
            await journal.wait("id")
    assert type(raised.value) is NeedsHuman and raised.value.remedy == "Ask the owner."
    assert diary.lines == ["try"]


async def test_cancelled_work_is_over_for_good(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, diary.endless("a"))

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        await diary.until("a")
        await journal.cancel("id")
        with pytest.raises(Stopped):
            await journal.wait("id")
        await diary.until("a cut off")
        await journal.start("work", "id", "")
        assert await journal.unfinished() == ()
    journal = await opened()
    async with journal.serve({"work": work}):
        with pytest.raises(Stopped):
            await journal.wait("id")
    assert diary.lines == ["a", "a cut off"]


async def test_cancelling_what_is_unknown_or_finished_changes_nothing(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, diary.step("a"))

    await journal.cancel("never heard of")
    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        assert await journal.wait("id") == "a"
        await journal.cancel("id")
        assert await journal.wait("id") == "a"
    with pytest.raises(Defect, match="never heard of"):
        await journal.wait("never heard of")


async def test_work_started_while_nobody_serves_waits(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, diary.step("a"))

    await journal.start("work", "id", "")
    assert await journal.unfinished() == ("id",)
    assert diary.lines == []
    async with journal.serve({"work": work}):
        assert await journal.wait("id") == "a"


async def test_steps_and_workflows_run_side_by_side(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    def meeting(name: str, other: str) -> Callable[[], Awaitable[str]]:
        async def run() -> str:
            diary.write(name)
            await diary.until(other)
            return name

        return run

    async def work(payload: str, once: Once) -> str:
        other = "2" if payload == "1" else "1"
        both = (
            once("a", str, meeting(f"a{payload}", f"b{payload}")),
            once("b", str, meeting(f"b{payload}", f"a{other}")),
        )
        return "".join(await asyncio.gather(*both))

    async with journal.serve({"work": work}):
        await journal.start("work", "first", "1")
        await journal.start("work", "second", "2")
        assert await journal.wait("first") == "a1b1"
        assert await journal.wait("second") == "a2b2"


async def test_a_name_belongs_to_one_step(opened: Open) -> None:
    diary, journal = Diary(), await opened()

    async def work(payload: str, once: Once) -> str:
        return await once("a", str, diary.step("a")) + await once("a", str, diary.step("b"))

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        with pytest.raises(Defect, match="'a'"):
            await journal.wait("id")
    assert diary.lines == ["a"]


@pytest.mark.parametrize(
    ("hook", "runs_of_b"), [({"crash_before": "b"}, ["b", "b"]), ({"crash_after": "b"}, ["b"])], ids=["before", "after"]
)
async def test_the_memory_journal_crashes_where_it_is_told(hook: dict[str, str], runs_of_b: list[str]) -> None:
    diary, journal = Diary(), MemoryJournal(**hook)

    async def work(payload: str, once: Once) -> str:
        return "".join([await once(name, str, diary.step(name)) for name in ("a", "b", "c")])

    async with journal.serve({"work": work}):
        await journal.start("work", "id", "")
        with pytest.raises(Crashed):
            await journal.wait("id")
    after = journal.restarted()
    async with after.serve({"work": work}):
        await after.start("work", "id", "")
        assert await after.wait("id") == "abc"
    assert diary.lines == ["a", *runs_of_b, "c"]
    assert after.recorded("id") == ("a", "b", "c")
