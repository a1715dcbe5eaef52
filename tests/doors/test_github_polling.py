"""Without webhooks the same is heard by asking; with both it is done once. And what becomes of changes is looked at."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import anyio
import pytest
from github_world import NAME, SILENT, GithubWorld, door_of, github_world, until

from honk.domain.discussion import Hint, HintKind, ReviewState
from honk.domain.event import TaskNoted
from honk.domain.repository import Named, Repository, Sha
from honk.domain.task import State
from honk.errors import Unreachable
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio
POLLS = replace(SILENT, poll=0.02)
ADDRESS = f"https://github.test/{NAME}.git"


async def first_look(here: GithubWorld) -> None:
    """The first look was taken."""
    subject = f"github/poll/{(await here.github.repository(NAME)).key}"
    while not await here.world.store.chats.preferences.read(subject):
        await anyio.sleep(0.01)


async def test_what_is_asked_after_the_first_look_is_heard_without_a_webhook(tmp_path: Path) -> None:
    async with github_world(tmp_path, choices=POLLS, opened=False) as here:
        here.listed += [Named(name="player", address=ADDRESS), Named(name="elsewhere", address="/somewhere/else")]
        here.place.open_issue("ada", "old", "@honk fix the crash")
        async with here.door.opened():
            await first_look(here)
            assert await here.world.latest() is None, "what was before the first look is nobody's hint"
            number = here.place.open_issue("ada", "new", "@honk fix the crash")
            task = await here.rests()
            assert task.instruction.startswith("new")
            await here.status(number, "Ready to merge")


async def test_trouble_with_asking_is_noted_for_doctor_until_it_is_over(tmp_path: Path) -> None:
    async with github_world(tmp_path, choices=POLLS, opened=False) as here:
        here.listed.append(Named(name="player", address=ADDRESS))
        preferences, asks, answers = here.world.store.chats.preferences, here.github.news, False

        async def news(repository: Repository, since: datetime) -> tuple[tuple[Hint, ...], datetime]:
            if not answers:
                raise Unreachable("GitHub does not answer")
            return await asks(repository, since)

        here.github.news = news  # type: ignore[method-assign]
        async with here.door.opened():
            while "GitHub does not answer" not in (await preferences.read("github/door")).get("trouble", ""):
                await anyio.sleep(0.01)
            answers = True
            while (await preferences.read("github/door")).get("trouble"):
                await anyio.sleep(0.01)


async def test_by_webhook_and_by_asking_it_is_done_once(tmp_path: Path) -> None:
    async with github_world(tmp_path, choices=POLLS) as here:
        here.world.agent.habits["has remarks"] = Edit(files={APP: b"fixed, kindly"}, summary="c1: done")
        here.listed.append(Named(name="player", address=ADDRESS))
        await first_look(here)
        number = await here.ask()
        task, there = await here.proposed()
        here.place.comment("ada", number, "@honk friendlier")
        await here.deliver()
        await here.turned(task, 2)
        here.place.hand_in_review("ada", there, ReviewState.COMMENTED, lines=((APP, 1, "kinder"),))
        await here.deliver()
        await here.turned(task, 3)
        await here.said(there, "Done in ")
        await anyio.sleep(0.3)
        await here.settled()
        assert (await here.world.now(task)).turn == 3 and len(await here.world.store.tasks.list()) == 1
        texts = [one.text for one in (*here.place.said(number), *here.place.said(there))]
        assert len(texts) == len(set(texts))


async def test_trouble_with_one_repository_is_none_of_the_others(tmp_path: Path) -> None:
    async with github_world(tmp_path, choices=POLLS, opened=False) as here:
        here.github.add("acme/closed").closed_to_honk = True
        here.listed += [
            Named(name="closed", address="https://github.test/acme/closed.git"),
            Named(name="player", address=ADDRESS),
        ]
        async with here.door.opened():
            await first_look(here)
            here.place.open_issue("ada", "new", "@honk fix the crash")
            await here.rests()


@pytest.mark.parametrize("kind", [HintKind.REMARK, HintKind.PULL_REQUEST])
async def test_a_review_is_found_by_what_hints_at_something_else(tmp_path: Path, kind: HintKind) -> None:
    async with github_world(tmp_path) as here:
        here.world.agent.habits["kinder"] = Edit(files={APP: b"fixed, kindly"}, summary="c1: done")
        await here.ask()
        task, number = await here.proposed()
        lines = ((APP, 1, "kinder"),) if kind is HintKind.REMARK else ()
        review = here.place.hand_in_review("ada", number, ReviewState.CHANGES_REQUESTED, "kinder", lines=lines)
        remark = next((one.id for one in here.place.remarks.values() if one.review == review), "")
        await here.webhook(hint(kind, remark, number))
        await here.turned(task, 2)
        await here.said(number, "Done in ")
        await here.deliver()
        await here.settled()
        assert (await here.world.now(task)).turn == 2


# ── what becomes of changes ────────────────────────────────────────────────────────────────────
def hint(kind: HintKind, id: str = "", number: int = 0) -> Hint:
    return Hint(kind=kind, repository=NAME, number=number, id=id)


async def looked(here: GithubWorld, one: Hint) -> int:
    """How often tasks were looked at because of it."""
    before = len(here.looked)
    await here.webhook(one)
    await here.settled()
    return len(here.looked) - before


async def test_checks_pushes_and_pull_requests_have_their_tasks_looked_at(tmp_path: Path) -> None:
    async with github_world(tmp_path) as here:
        await here.ask()
        task, number = await here.proposed()
        head = (await here.world.pull_request(task)).head
        await here.settled()
        assert set(here.looked) == {task.id}
        assert await looked(here, hint(HintKind.CHECKS, head)) == 1
        assert await looked(here, hint(HintKind.CHECKS, "a" * 40)) == 0
        assert await looked(here, hint(HintKind.PUSH, task.branch)) == 1
        assert await looked(here, hint(HintKind.PUSH, "main")) == 1, "its base moved"
        assert await looked(here, hint(HintKind.PUSH, "honk/nothing")) == 0
        assert await looked(here, hint(HintKind.PULL_REQUEST, number=number)) == 1
        assert await looked(here, hint(HintKind.PULL_REQUEST, number=99)) == 0
        assert await looked(here, hint(HintKind.DEPLOYMENT, "5")) == 0


async def test_a_repository_that_was_renamed_is_known_by_its_new_name(tmp_path: Path) -> None:
    async with github_world(tmp_path) as here:
        number = await here.ask()
        task, _ = await here.proposed()
        here.github.rename(NAME, "acme/jukebox")
        await here.webhook(Hint(kind=HintKind.REPOSITORY, repository="acme/jukebox"))
        here.place.comment("ada", number, "@honk friendlier")
        await here.deliver()
        task = await here.turned(task, 2)
        assert len(await here.world.store.tasks.list()) == 1
        await here.said(number, "Done in ")


async def test_where_honk_is_let_out_tasks_at_work_say_so(tmp_path: Path) -> None:
    async with github_world(tmp_path) as here:
        goes_on = anyio.Event()
        here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=goes_on)
        await here.ask()
        await here.world.agent.busy.wait()
        await here.settled()
        here.place.closed_to_honk = True
        await here.webhook(Hint(kind=HintKind.REPOSITORY, repository=NAME))
        await here.settled()
        task = await here.world.latest()
        assert task is not None
        notes = [one.data.text for one in await here.world.log(task) if isinstance(one.data, TaskNoted)]
        assert len(notes) == 1 and "does not let Honk in any more" in notes[0] and "install Honk's app" in notes[0]
        goes_on.set()
        await here.rests(State.PROPOSED)
        threads = here.world.store.chats.threads
        await until(lambda: _broken(here, task.id))
        here.place.closed_to_honk = False
        await here.webhook(Hint(kind=HintKind.REPOSITORY, repository=NAME))
        await here.status(1, "Ready to merge")
        thread = await threads.of(task.id, "github")
        assert thread is not None and thread.broken == ""


async def _broken(here: GithubWorld, task: object) -> object:
    thread = await here.world.store.chats.threads.of(task, "github")  # type: ignore[arg-type]
    return (thread is not None and thread.broken) or None


async def test_two_doors_on_one_store_do_nothing_twice(tmp_path: Path) -> None:
    async with github_world(tmp_path) as here:
        other = door_of(here, SILENT)
        async with other.opened():
            number = await here.ask()
            task, there = await here.proposed()
            here.place.comment("ada", there, "@honk friendlier")
            await here.deliver()
            await here.turned(task, 2)
            await here.said(there, "Done in ")
            await here.status(number, "Ready to merge")
            await here.settled()
            assert (await here.world.now(task)).turn == 2
            assert [one.text.startswith("Done in") for one in here.place.said(there)] == [True]
            here.place.push(there, Sha("f" * 40))
