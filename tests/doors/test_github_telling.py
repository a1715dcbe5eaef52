"""How a task stands is one comment a place, changed in place; what must be noticed is a comment of its own, once."""

from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from github_world import NAME, SILENT, GithubWorld, door_of, github_world, until

from honk.domain.event import QuestionAsked
from honk.domain.person import Identity
from honk.domain.task import Options, State
from honk.doors.github.plain_words import said_of
from honk.doors.github.status import question_of
from honk.errors import ForgeRefused, NotNow, Unreachable
from honk.testing.fake_work import APP, Edit

pytestmark = pytest.mark.anyio
ADDRESS = f"https://github.test/{NAME}.git"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[GithubWorld]:
    async with github_world(tmp_path) as made:
        yield made


async def test_one_status_comment_is_changed_in_place(here: GithubWorld) -> None:
    goes_on = anyio.Event()
    here.world.agent.habits["fix the crash"] = Edit(files={APP: b"fixed"}, until=goes_on)
    number = await here.ask()
    working = await here.status(number, "At work")
    assert "@honk stop" in working.text
    goes_on.set()
    ready = await here.status(number, "Ready to merge")
    assert ready.id == working.id and "✓ tests" in ready.text and "Pull request #1" in ready.text
    await here.proposed()
    here.place.comment("ada", number, "@honk merge")
    await here.deliver()
    landed = await here.status(number, "Deployed")
    assert landed.id == working.id and "Live at http://live/production" in landed.text


async def test_a_task_asked_for_elsewhere_has_its_pull_request_as_another_place(here: GithubWorld) -> None:
    eve = await here.world.store.tasks.person(Identity.parse("github:eve"), "Eve")
    here.place.open_pull_request("honk[bot]", "fix the crash", branch="later")
    task = await here.world.app.submit(eve, ADDRESS, "fix the crash", Options())
    ready = await here.status(1, "Ready to merge")
    thread = await here.world.store.chats.threads.of(task.id, "github")
    assert thread is not None and (thread.place.root, thread.asked_by) == ("1", "eve")
    assert ready.number == 1


async def test_a_task_of_another_forge_has_no_place_here(here: GithubWorld) -> None:
    await here.world.ask("fix the crash")
    task = await here.rests()
    await anyio.sleep(0.2)
    assert await here.world.store.chats.threads.of(task.id, "github") is None


async def test_a_pull_request_that_was_opened_while_nobody_listened_is_found(tmp_path: Path) -> None:
    async with github_world(tmp_path, opened=False) as here:
        here.place.open_pull_request("honk[bot]", "fix the crash", branch="later")
        await here.world.app.submit(await here.world.person(), ADDRESS, "fix the crash", Options())
        await here.rests()
        async with here.door.opened():
            await here.status(1, "Ready to merge")


async def test_a_door_that_was_closed_meanwhile_tells_what_was_missed_and_nothing_twice(tmp_path: Path) -> None:
    async with github_world(tmp_path, opened=False) as here:
        async with here.door.opened():
            while not here.door.open_:
                await anyio.sleep(0.01)
            number = await here.ask()
            await here.said(number, "Done in ")
        task = await here.rests()
        here.world.agent.habits["Which"] = Edit(asks=("Which colour?",))
        await here.world.app.reply(await here.world.person("Ben"), task, "Which one is it?")
        await here.rests(State.WAITING)
        for _ in range(2):
            again = door_of(here, SILENT)
            async with again.opened():
                await here.said(number, "I have a question")
                await here.status(number, "Waits for a person")
                await anyio.sleep(0.1)
        texts = [one.text for one in here.place.said(number)]
        assert len(texts) == 3 and sum("I have a question" in one for one in texts) == 1


async def test_words_of_others_name_nobody_and_hold_no_marks(here: GithubWorld) -> None:
    here.world.agent.habits["crash"] = Edit(files={APP: b"fixed"}, summary="done, @everyone <img src=x>")
    number = here.place.open_issue("ada", "crash @acme/all <script>", "@honk *bold* [x](http://evil)")
    await here.deliver()
    done = await here.said(number, "Done in ")
    shown = await here.status(number, "Ready to merge")
    for text in (done.text, shown.text):
        assert "@everyone" not in text and "@acme" not in text and "<img" not in text and "<script" not in text
    assert "](http://evil)" not in shown.text.replace("\\]", "")


async def test_a_place_that_cannot_be_written_to_is_given_up_and_the_work_goes_on(here: GithubWorld) -> None:
    say, refused = here.github.say, []

    async def locked(repository: object, number: int, text: str, key: str) -> str:
        refused.append(key)
        raise ForgeRefused("the conversation is locked")

    here.github.say = locked  # type: ignore[method-assign,assignment]
    await here.ask()
    task = await here.rests()

    async def broken() -> str | None:
        thread = await here.world.store.chats.threads.of(task.id, "github")
        return thread.broken if thread is not None and thread.broken else None

    assert await until(broken) == "the conversation is locked"
    here.github.say = say  # type: ignore[method-assign]
    assert len(refused) == 1, "it is not tried for ever"


async def test_a_forge_that_is_down_is_waited_for(here: GithubWorld) -> None:
    say, tried = here.github.say, []

    async def down(repository: object, number: int, text: str, key: str) -> str:
        tried.append(key)
        if len(tried) < 3:
            raise Unreachable("GitHub does not answer")
        here.github.say = say  # type: ignore[method-assign]
        return await say(repository, number, text, key)  # type: ignore[arg-type]

    here.github.say = down  # type: ignore[method-assign,assignment]
    number = await here.ask()
    await here.status(number, "Ready to merge")
    assert len(tried) == 3


async def test_a_comment_of_honks_that_somebody_deleted_is_said_anew(here: GithubWorld) -> None:
    number = await here.ask()
    ready = await here.status(number, "Ready to merge")
    here.place.delete(ready.id)
    here.place.comment("ada", number, "@honk friendlier")
    await here.deliver()
    task = await here.world.latest()
    assert task is not None
    await here.turned(task, 2)
    assert (await here.status(number, "Ready to merge")).id != ready.id


async def test_what_did_not_come_of_a_turn_is_said_where_it_was_asked(here: GithubWorld) -> None:
    here.world.agent.habits["explode"] = Edit(error=ForgeRefused("it broke", "mend it"))
    number = here.place.open_issue("ada", "Crash")
    here.place.comment("ada", number, "@honk explode")
    await here.deliver()
    await here.said(number, "I could not do this. It broke. Mend it.")


async def test_refusals_are_sentences_for_who_writes_comments() -> None:
    assert said_of(NotNow("nothing is there", "honk merge t-1 --typed abc1234")) == (
        "Nothing is there. Comment `@honk merge abc1234`."
    )
    assert said_of(NotNow("it is at work", "honk stop t-1"), "robot") == "It is at work. Comment `@robot stop`."
    assert said_of(NotNow("it moved", "look at it again: honk diff t-1")) == "It moved."
    assert said_of(NotNow("it moved (honk show t says more)", "")) == "It moved (honk show t says more)."


async def test_choices_of_a_question_are_numbered() -> None:
    assert (
        question_of(QuestionAsked(question="Which\none?", choices=("a*b", "c"))) == "> Which\n> one?\n\n1. a\\*b\n2. c"
    )
