"""What is done on the pages: by the right person it is done once, and leads back to a page."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import anyio
import pytest
from pages_forms import done, form, forms, led_to, press, send, settled, signed_in, words
from pages_world import Site, site_of

from honk.domain.access import Scope
from honk.domain.message import Handling
from honk.domain.policy import Confirmation
from honk.domain.task import State, Task
from honk.testing.fake_work import APP, Edit
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio

#: the smallest picture that is one
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await signed_in(made)
        yield made


async def said(site: Site, task: Task) -> list[str]:
    """What people said to the task, in the order in which they did."""
    now = await site.world.now(task)
    ports = site.world.app.ports
    turns = [await ports.tasks.turn(task.id, number) for number in range(1, now.turn + 1)]
    return [one.message.text for one in turns] + [one.message.text for one in await ports.tasks.waiting(task.id)]


async def asked(site: Site, choices: tuple[str, ...] = ("the red one", "the blue one")) -> Task:
    """A task whose agent wants to know something."""
    site.world.agent.habits["which"] = Edit(asks=("Which one?", *choices))
    site.world.agent.habits["the blue one"] = Edit(files={APP: b"fixed"})
    task = await done(site, "which of them")
    assert task.state is State.WAITING
    return task


async def test_a_reply_begins_the_next_turn_and_the_same_form_sent_twice_begins_one(site: Site) -> None:
    task = await done(site)
    page = await site.text(f"/tasks/{task.id}")
    filled = form(page, f"/tasks/{task.id}/reply")
    for _ in range(3):
        assert led_to(await send(site, filled, text="make it friendlier\r\nplease")) == f"/tasks/{task.id}"
    task = await settled(site, task)
    assert await said(site, task) == ["fix the crash", "make it friendlier\nplease"]
    assert (task.state, task.turn) == (State.PROPOSED, 2)


async def test_two_taps_at_the_same_moment_are_one(site: Site) -> None:
    task = await done(site)
    filled = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/reply")
    answers = []

    async def tap() -> None:
        answers.append(led_to(await send(site, filled, text="make it friendlier")))

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(tap)
    assert answers == [f"/tasks/{task.id}"] * 5
    assert len(await said(site, task)) == 2


async def test_other_words_in_a_page_that_the_browser_kept_are_another_reply(site: Site) -> None:
    """Going back may show the form that was sent already."""
    task = await done(site)
    filled = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/reply")
    await send(site, filled, text="make it friendlier")
    await send(site, filled, text="and bump it")
    assert (await said(site, task))[1:] == ["make it friendlier", "and bump it"]


async def test_each_page_names_its_forms_anew_and_is_the_same_page_all_the_same(site: Site) -> None:
    task = await done(site)
    site.world.clock.step = timedelta(0)  # type: ignore[attr-defined]
    first, second = [await site.browser.get(f"/tasks/{task.id}") for _ in range(2)]
    named = [form(one.text, f"/tasks/{task.id}/reply").fields["once"] for one in (first, second)]
    assert named[0] != named[1] and all(len(one) == 32 for one in named)
    assert first.headers["etag"] == second.headers["etag"]


async def test_pictures_and_files_go_along(site: Site) -> None:
    task = await done(site)
    site.world.agent.habits["look at this"] = Edit(files={APP: b"fixed, seen"})
    filled = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/reply")
    large = b"x" * (2 << 20)
    files = [
        ("files", ("../../shot.png", PNG, "image/png")),
        ("files", ("crash.log", large, "text/plain")),
        ("files", ("not.png", b"<script>", "image/png")),
    ]
    for _ in range(2):
        led_to(await send(site, filled, files, text="look at this"))
    task = await settled(site, task)
    message = (await site.world.app.ports.tasks.turn(task.id, 2)).message
    assert [one.media_type for one in message.images] == ["image/png"]
    assert [(one.name, one.size) for one in message.files] == [("crash.log", len(large)), ("not.png", 8)]
    assert large in site.world.agent.found.values()
    shown = await site.browser.get(f"/tasks/{task.id}/files/{message.images[0].digest}")
    assert shown.content == PNG


async def test_an_empty_field_for_files_is_no_file(site: Site) -> None:
    task = await done(site)
    led_to(await press(site, task, "reply", files={"files": ("", b"", "application/octet-stream")}, text="friendlier"))
    assert (await site.world.app.ports.tasks.turn(task.id, 2)).message.files == ()


async def test_a_reply_speaks_of_the_file_and_line_that_it_is_about(site: Site) -> None:
    task = await done(site)
    to = f"/tasks/{task.id}/pull-request?view=all#file-2"
    answer = await press(site, task, "reply", text="friendlier", file="src/app one.py", line="12", to=to)
    assert led_to(answer) == to
    assert (await said(site, task))[1] == 'On "src/app one.py", line 12:\n\nfriendlier'


@pytest.mark.parametrize("handling", ["steer", "interrupt"])
async def test_words_for_the_agent_at_work_are_heard_at_its_next_step_or_now(handling: str, site: Site) -> None:
    site.world.agent.habits["take long"] = Edit(files={APP: b"fixed"}, endless=True)
    async with site.world.working():
        task = await site.world.ask("take long")
        await site.world.agent.busy.wait()
        page = await site.text(f"/tasks/{task.id}")
        assert form(page, f"/tasks/{task.id}/reply").fields["handling"] == Handling.STEER
        led_to(await press(site, task, "reply", text="friendlier", handling=handling))
        if handling == "steer":
            led_to(await press(site, task, "stop"))
        task = await site.world.settled(task)
    heard = [words for told in site.world.agent.memory.values() for words in told]
    assert any("friendlier" in one for one in heard)
    assert task.state is (State.STOPPED if handling == "steer" else State.PROPOSED)


async def test_a_choice_is_an_answer_and_a_late_second_one_is_none(site: Site) -> None:
    task = await asked(site)
    page = await site.text(f"/tasks/{task.id}")
    assert "Which one?" in page
    blue, red = (form(page, f"/tasks/{task.id}/answer", choice=one) for one in ("2", "1"))
    assert led_to(await send(site, blue)) == f"/tasks/{task.id}"
    led_to(await send(site, blue))
    late = await send(site, red)
    assert late.status_code == 409 and "answered already" in words(late)
    task = await settled(site, task)
    assert await said(site, task) == ["which of them", "the blue one"]
    for fields in ({"seq": "99999"}, {"choice": "3"}, {"seq": "x"}, {"choice": "-1"}, {"seq": ""}):
        assert (await send(site, blue, **fields)).status_code in {400, 409}, fields


async def test_go_is_for_the_plan_that_was_read(site: Site) -> None:
    task = await done(site, "fix the crash", plan=True)
    site.world.agent.habits["says: go"] = Edit(files={APP: b"fixed"})
    page = await site.text(f"/tasks/{task.id}")
    go = form(page, f"/tasks/{task.id}/go")
    other = await send(site, go, plan="another")
    assert other.status_code == 409 and "was changed since" in words(other)
    for _ in range(2):
        led_to(await send(site, go))
    task = await settled(site, task)
    assert (task.state, task.turn) == (State.PROPOSED, 2)


async def test_a_plan_is_cancelled_once_and_a_late_press_is_about_no_other_turn(site: Site) -> None:
    task = await done(site, "fix the crash", plan=True)
    cancel = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/stop")
    for _ in range(2):
        led_to(await send(site, cancel))
    assert (await site.world.now(task)).state is State.STOPPED


async def test_stop_stops_the_turn_that_was_seen_and_no_later_one(site: Site) -> None:
    site.world.agent.habits["take long"] = Edit(files={APP: b"fixed"}, endless=True)
    async with site.world.working():
        task = await site.world.ask("take long")
        await site.world.agent.busy.wait()
        stop = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/stop")
        led_to(await send(site, stop))
        task = await site.world.settled(task)
        assert task.state is State.STOPPED
        led_to(await send(site, stop))
        led_to(await press(site, task, "reply", text="friendlier"))
        late = await send(site, stop, once="f" * 32)
        assert late.status_code == 409 and "earlier turn" in words(late)
        task = await site.world.settled(task)
    assert task.state is State.PROPOSED


async def test_what_was_stopped_is_done_again_once(site: Site) -> None:
    site.world.agent.habits["take long"] = Edit(files={APP: b"fixed"}, endless=True)
    async with site.world.working():
        task = await site.world.ask("take long")
        await site.world.agent.busy.wait()
        led_to(await press(site, task, "stop"))
        task = await site.world.settled(task)
    site.world.agent.habits["take long"] = Edit(files={APP: b"fixed"})
    retry = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/retry")
    for _ in range(2):
        led_to(await send(site, retry))
    task = await settled(site, task)
    assert task.turn == 2


async def test_a_message_that_waits_is_taken_back(site: Site) -> None:
    site.world.agent.habits["take long"] = Edit(files={APP: b"fixed"}, endless=True)
    site.world.agent.steers = False
    async with site.world.working():
        task = await site.world.ask("take long")
        await site.world.agent.busy.wait()
        led_to(await press(site, task, "reply", text="not that file"))
        take_back = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/withdraw")
        for _ in range(2):
            led_to(await send(site, take_back))
        assert await site.world.app.ports.tasks.waiting(task.id) == ()
        led_to(await press(site, task, "stop"))
        task = await site.world.settled(task)
    assert await said(site, task) == ["take long"]
    gone = await send(site, take_back, once="f" * 32)
    assert gone.status_code == 404 and "no waiting message" in words(gone)


async def test_merge_says_what_comes_of_it_and_merges_the_commit_shown(site: Site) -> None:
    task = await done(site)
    there = await site.world.pull_request(task)
    assert f'href="/tasks/{task.id}/merge"' in await site.text(f"/tasks/{task.id}")
    answer = await site.browser.get(f"/tasks/{task.id}/merge")
    for wanted in (there.head[:12], "into main", "pass", APP, "Then it is deployed to production", "Undo:"):
        assert wanted in words(answer), wanted
    merge = form(answer.text, f"/tasks/{task.id}/merge")
    assert merge.fields["head"] == there.head
    assert (await site.world.now(task)).state is State.PROPOSED
    for _ in range(2):
        assert led_to(await send(site, merge)) == f"/tasks/{task.id}"
        assert "Look again" in await site.text(f"/tasks/{task.id}"), "what was pressed is not seen to go on"
    task = await settled(site, task)
    assert task.state is State.DEPLOYED
    assert "Look again" not in await site.text(f"/tasks/{task.id}")
    assert led_to(await send(site, merge)) == f"/tasks/{task.id}"
    assert [one for one in site.world.journal.started if one.startswith("land/")] == [site.world.journal.started[-1]]
    assert "deployed already" in words(await site.browser.get(f"/tasks/{task.id}/merge"))


async def test_after_the_head_moved_nothing_is_merged_and_the_page_shows_the_new_one(site: Site) -> None:
    task = await done(site)
    old = await site.world.pull_request(task)
    merge = form(await site.text(f"/tasks/{task.id}/merge"), f"/tasks/{task.id}/merge")
    led_to(await press(site, task, "reply", text="make it friendlier"))
    task = await settled(site, task)
    new = await site.world.pull_request(task)
    assert new.head != old.head
    answer = await send(site, merge)
    assert answer.status_code == 409 and "the branch moved since" in words(answer)
    assert form(answer.text, f"/tasks/{task.id}/merge").fields["head"] == new.head
    assert (await site.world.now(task)).state is State.PROPOSED
    for head in ("", "a", "zzzzzzz", old.head[:6]):
        answer = await press(site, task, "merge", page="/merge", head=head)
        assert answer.status_code == 400 and "which commit" in words(answer), head
    assert site.world.production() is None


async def test_what_the_policy_asks_for_is_in_the_form_and_what_was_typed_stays(site: Site) -> None:
    task = await done(site)
    site.world.policy.asks = Confirmation.TYPED
    word = (await site.world.pull_request(task)).word
    wrong = await press(site, task, "merge", page="/merge", typed="nonsense")
    assert wrong.status_code == 409 and "'nonsense' was typed" in words(wrong)
    filled = form(wrong.text, f"/tasks/{task.id}/merge")
    assert filled.fields["typed"] == "nonsense"
    led_to(await send(site, filled, typed=word))
    assert (await settled(site, task)).state is State.DEPLOYED


async def test_what_is_not_proven_is_merged_by_who_says_so_alone(site: Site) -> None:
    site.world.agent.habits["fix the crash"] = Edit(files={APP: b"maybe"})
    task = await done(site)
    assert task.state is State.DRAFT
    page = await site.text(f"/tasks/{task.id}/merge")
    assert "no test ran" in page and "I accept what was not proven" in page
    refused = await press(site, task, "merge", page="/merge")
    assert refused.status_code == 409 and "that was not accepted" in words(refused)
    led_to(await press(site, task, "merge", page="/merge", accept="yes"))
    assert (await settled(site, task)).state is State.DEPLOYED


async def test_what_the_gate_refused_has_no_button(site: Site) -> None:
    site.world.agent.habits = {"": Edit(files={APP: b"bug"})}
    task = await done(site)
    page = await site.browser.get(f"/tasks/{task.id}/merge")
    assert f"/tasks/{task.id}/merge" not in forms(page.text) and "Not now:" in words(page)
    assert f"/tasks/{task.id}/merge" not in forms(await site.text(f"/tasks/{task.id}"))


async def test_a_second_person_approves_the_commit_shown(site: Site) -> None:
    task = await done(site)
    site.world.policy.asks = Confirmation.SECOND
    page = await site.text(f"/tasks/{task.id}/merge")
    assert "somebody other than Ada who may merge must approve" in page
    assert f"/tasks/{task.id}/merge" not in forms(page)
    await signed_in(site, name="Ben")
    for _ in range(2):
        answer = await press(site, task, "approve", page="/merge", text="read <b>all</b> of it")
        assert led_to(answer) == f"/tasks/{task.id}/merge"
    await signed_in(site)
    assert "Approved by Ben" in words(await site.browser.get(f"/tasks/{task.id}/merge"))
    led_to(await press(site, task, "merge", page="/merge"))
    assert (await settled(site, task)).state is State.DEPLOYED


async def test_what_is_live_is_undone_after_a_page_that_says_how(site: Site) -> None:
    first = await done(site)
    led_to(await press(site, first, "merge", page="/merge"))
    await settled(site, first)
    task = await done(site, "bump it")
    led_to(await press(site, task, "merge", page="/merge"))
    await settled(site, task)
    live = site.world.production()
    assert f'href="/tasks/{task.id}/undo"' in await site.text(f"/tasks/{task.id}")
    undo = form(await site.text(f"/tasks/{task.id}/undo"), f"/tasks/{task.id}/undo")
    for _ in range(2):
        assert led_to(await send(site, undo)) == f"/tasks/{task.id}"
        await settled(site, task)
    assert site.world.production() not in {live, None}
    assert "it is not deployed" in words(await site.browser.get(f"/tasks/{task.id}/undo"))


async def test_a_merged_change_is_reverted_by_one_task(site: Site) -> None:
    site.world.agents["command"] = site.world.agent
    task = await done(site)
    led_to(await press(site, task, "merge", page="/merge"))
    await settled(site, task)
    revert = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/revert")
    first, second = led_to(await send(site, revert)), led_to(await send(site, revert))
    assert first == second != f"/tasks/{task.id}"
    assert (await site.browser.get(first)).status_code == 200


async def test_a_moved_base_is_merged_into_the_branch_once_where_they_conflict(site: Site) -> None:
    site.world.agent.habits["main has moved"] = Edit(files={APP: b"fixed, and by hand"})
    task = await done(site)
    there = await site.world.pull_request(task)
    site.world.somebody_commits("main", {APP: b"by hand"})
    assert f"/tasks/{task.id}/update" not in forms(await site.text(f"/tasks/{task.id}"))
    await site.world.store.records.save_pull_request(task.repository.key, replace(there, conflicts=True))
    update = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/update")
    for _ in range(2):
        led_to(await send(site, update))
    task = await settled(site, task)
    assert (task.turn, site.world.file(task.branch)) == (2, b"fixed, and by hand")


async def test_a_task_is_asked_for_on_the_first_page_and_on_its_own(site: Site) -> None:
    await done(site)
    for path in ("/", "/ask"):
        filled = form(await site.text(path), "/ask")
        to = {led_to(await send(site, filled, text="bump it", repository=ADDRESS)) for _ in range(2)}
        assert len(to) == 1
        page = await site.text(to.pop())
        assert "bump it" in page
    assert len(await site.world.store.tasks.list(limit=10)) == 3


async def test_what_was_chosen_is_what_the_task_has(site: Site) -> None:
    filled = form(await site.text("/ask"), "/ask")
    chosen = {"other": ADDRESS, "base": "main", "model": "large", "plan": "yes", "build": "no", "usd": "2,50"}
    files = {"files": ("shot.png", PNG, "image/png")}
    id = led_to(await send(site, filled, files, text="fix the crash", **chosen)).rpartition("/")[2]
    task = await site.world.store.tasks.get(id)
    options = task.options
    assert (options.base, options.model, options.plan, options.builds) == ("main", "large", True, False)
    assert (options.limits.usd, options.merge, options.agent) == (2.5, False, "claude")
    assert len((await site.world.app.ports.tasks.turn(task.id, 1)).message.images) == 1


async def test_an_ask_that_makes_no_sense_says_so_and_keeps_what_was_typed(site: Site) -> None:
    filled = form(await site.text("/ask"), "/ask")
    for fields, why in (
        ({"text": " ", "other": ADDRESS}, "no words"),
        ({"text": "fix it", "other": ""}, "no repository was chosen"),
        ({"text": "fix it", "other": "music"}, "no address of a repository"),
        ({"text": "fix it", "other": ADDRESS, "usd": "much"}, "no amount of money"),
        ({"text": "fix it", "other": ADDRESS, "agent": "nobody"}, "there is no agent"),
        ({"text": "fix it\0", "other": ADDRESS}, "NUL"),
    ):
        answer = await send(site, filled, **fields)
        assert answer.status_code == 400 and why in words(answer), (fields, words(answer))
        again = form(answer.text, "/ask")
        assert again.fields["text"].strip().startswith(fields["text"].strip("\0 "))
        assert again.fields["other"] == fields["other"] and again.fields["once"] != filled.fields["once"]
    assert await site.world.latest() is None


async def test_a_visit_may_what_its_token_may(site: Site) -> None:
    """Whoever may steer sees no Merge; the page of it says why."""
    task = await done(site)
    await signed_in(site, Scope.READ, Scope.STEER)
    page = await site.text(f"/tasks/{task.id}")
    assert f"/tasks/{task.id}/reply" in forms(page) and f"/tasks/{task.id}/merge" not in page
    answer = await site.browser.get(f"/tasks/{task.id}/merge")
    assert forms(answer.text) == [] and "not for 'merge'" in words(answer)
    assert forms(await site.text("/")) == ["/views"], "searches of one’s own are kept by whoever looks"
    await signed_in(site, Scope.READ, Scope.MERGE)
    led_to(await press(site, task, "merge", page="/merge"))
    task = await settled(site, task)
    assert task.state is State.MERGED, "a token without deploy merges, and what is merged waits"
    assert f"/tasks/{task.id}/merge" not in forms(await site.text(f"/tasks/{task.id}/merge"))
    await signed_in(site)
    assert "Deploy…" in await site.text(f"/tasks/{task.id}")
    led_to(await press(site, task, "merge", page="/merge"))
    assert (await settled(site, task)).state is State.DEPLOYED
