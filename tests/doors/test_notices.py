"""What people are told without a page: who, where, once; and what becomes of it when something is in the way."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import anyio
import pytest
from pages_forms import EVERYTHING, done, settled
from pages_world import Site, noticing_of, site_of

from honk.adapters.mail import Smtp
from honk.adapters.roles import RolesPolicy
from honk.domain.access import Token
from honk.domain.event import MergeDone, QuestionAsked, QuestionReminded
from honk.domain.notice import ByMail, Device, Level, Wish
from honk.domain.person import Identity, Person
from honk.domain.policy import Right
from honk.domain.rules import Known, Role, Rules
from honk.domain.task import State, Task
from honk.domain.thread import Place, Thread
from honk.domain.visit import Visit
from honk.doors.notices import Backstage, NoticesDoor
from honk.ports import Mail
from honk.service.noticing import keep_wish
from honk.testing.fake_mail import FakeMail, mail_server
from honk.testing.fake_push import FakeAnswer, FakeBrowser
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Watch

pytestmark = pytest.mark.anyio
MAIL = Identity.parse("mail:ada@example.com")


@dataclass
class Telling:
    """A world whose people are told."""

    site: Site
    ada: Person
    token: Token
    visit: Visit
    letters: list[tuple[str, str, EmailMessage]] = field(default_factory=list)
    mail: Mail | None = None

    def door(self) -> NoticesDoor:
        """As after a start."""
        here = self.site.world
        noticing = noticing_of(here, self.site.addresses, self.site.push)
        return NoticesDoor(
            Backstage(
                ports=here.app.ports,
                chats=here.store.chats,
                outbox=here.store.outbox,
                devices=noticing.devices,
                visits=here.store.entrance.visits,
                push=noticing.push,
                mail=self.mail,
                sign=noticing.sign,
                listen=here.store.listen,
            )
        )

    async def told(self) -> None:
        await self.door().pass_once()

    async def device(self, name: str = "phone", person: Person | None = None) -> FakeBrowser:
        noticing = noticing_of(self.site.world, self.site.addresses, self.site.push)
        browser = self.site.push.subscribe(noticing.push.key(), name)
        visit = self.visit if person is None else await visit_of(self.site, person)
        now = self.site.world.clock()
        await noticing.devices.add(
            Device(
                id=name,
                person=(person or self.ada).id,
                label="Chrome on Android",
                endpoint=browser.endpoint,
                p256dh=browser.p256dh,
                auth=browser.auth,
                visit=visit.id,
                at=now,
                until=now + timedelta(days=30),
            )
        )
        return browser

    async def wants(self, level: Level = Level.NEEDS_ME, mail: ByMail = ByMail.OTHERWISE) -> None:
        await keep_wish(self.site.world.store.chats.preferences, self.ada.id, Wish(level=level, by_mail=mail))

    async def asks(self, *choices: str, question: str = "Which one?") -> Task:
        self.site.world.agent.habits["which"] = Edit(asks=(question, *choices))
        return await done(self.site, "which of them")

    def later(self, **time: float) -> None:
        clock = self.site.world.clock
        assert isinstance(clock, Watch)
        clock.now += timedelta(**time)

    def known(self, *more: Known) -> None:
        """Ada has an address of mail."""
        ada = Known(key="ada", name="Ada", identities=(Identity.parse("local:ada"), MAIL))
        self.site.world.who_is_who = Rules(people=(ada, *more))


async def visit_of(site: Site, person: Person, token: str = "") -> Visit:
    """A browser in which the person has signed in; without a token, as by a passkey."""
    now = site.world.clock()
    visit = Visit(
        id=f"v-{person.name}-{token}",
        person=person.id,
        scopes=frozenset(EVERYTHING),
        way="token" if token else "passkey",
        token=token,
        device="Chrome on Android",
        began_at=now,
        seen_at=now,
        until=now + timedelta(days=30),
    )
    await site.world.store.entrance.visits.begin(visit, f"secret of {visit.id}")
    return visit


@asynccontextmanager
async def telling_in(home: Path) -> AsyncIterator[Telling]:
    async with site_of(home) as site:
        ada = await site.world.person()
        issued = await site.world.store.tokens.issue(ada.id, "phone", frozenset(EVERYTHING))
        yield Telling(site, ada, issued.token, await visit_of(site, ada, issued.token.id))


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Telling]:
    async with telling_in(tmp_path) as made:
        yield made


@pytest.fixture
async def post(here: Telling) -> AsyncIterator[FakeMail]:
    here.known()
    here.ada = await here.site.world.person()
    async with mail_server() as server:
        here.mail = Smtp(
            "127.0.0.1", server.port, sender="honk@example.com", clock=here.site.world.clock, security="none"
        )
        yield server


async def test_what_waits_for_a_person_is_shown_once_on_each_device(here: Telling) -> None:
    phone, laptop = await here.device(), await here.device("laptop")
    stranger = await here.device("other", await here.site.world.person("Eve"))
    task = await here.asks("the red one", "the blue one")
    for _ in range(3):
        await here.told()
    for browser in (phone, laptop):
        (said,) = browser.shown
        assert said["title"] == "A question: which of them" and said["body"] == "Which one?" and said["needs"]
        assert said["page"] == f"/tasks/{task.id}"
        assert [one["title"] for one in said["buttons"]] == ["the red one", "the blue one"]
    assert stranger.shown == [] and len(here.site.push.taken) == 2
    assert all(len(json.dumps(one)) < 2500 for one in phone.shown)


async def test_two_servers_say_it_once(here: Telling) -> None:
    phone = await here.device()
    await here.asks()
    async with anyio.create_task_group() as group:
        for door in [here.door() for _ in range(4)]:
            group.start_soon(door.pass_once)
    assert len(phone.shown) == len(here.site.push.taken) == 1


async def test_everything_needs_me_or_nothing(here: Telling) -> None:
    phone = await here.device()
    for level, titles in (
        (Level.NOTHING, []),
        (Level.NEEDS_ME, ["Ready to merge"]),
        (Level.EVERYTHING, ["is ready to try", "Ready to merge"]),
    ):
        await here.wants(level)
        await done(here.site, f"fix the crash, {level}")
        await here.told()
        said = [one["title"] for one in phone.shown]
        phone.shown.clear()
        assert [title for title in titles if any(title in one for one in said)] == titles, (level, said)
        assert len(said) >= len(titles) and (level is Level.EVERYTHING or len(said) == len(titles)), (level, said)


async def test_a_plan_can_go_from_a_lock_screen_and_a_merge_opens_the_page(here: Telling) -> None:
    phone = await here.device()
    planned = await done(here.site, "fix the crash", plan=True)
    ready = await done(here.site)
    await here.told()
    plan, merge = (next(one for one in phone.shown if one["tag"].startswith(task.id)) for task in (planned, ready))
    assert [(one["title"], one["sends"]["deed"]) for one in plan["buttons"]] == [("Go", "go"), ("Stop", "stop")]
    assert merge["title"] == "Ready to merge" and merge["buttons"] == []
    assert merge["page"] == f"/tasks/{ready.id}/pull-request"


async def test_what_was_answered_meanwhile_is_not_asked(here: Telling) -> None:
    phone = await here.device()
    task = await here.asks("the red one", "the blue one")
    here.site.push.troubles.append(FakeAnswer(status=503, headers={"retry-after": "120"}))
    await here.told()
    here.site.world.agent.habits["the blue one"] = Edit(files={APP: b"fixed"})
    await here.site.world.app.reply(here.ada, task, "the blue one", id="m9")
    assert (await settled(here.site, task)).turn == 2
    here.later(minutes=10)
    await here.told()
    assert [one["title"] for one in phone.shown] == ["Ready to merge"]


async def test_a_server_that_says_later_is_asked_later(here: Telling) -> None:
    phone = await here.device()
    await here.asks()
    here.site.push.troubles += [FakeAnswer(status=429, headers={"retry-after": "600"}), OSError("no route")]
    await here.told()
    here.later(minutes=5)
    await here.told()
    assert phone.shown == [] and len(here.site.push.troubles) == 1
    here.later(minutes=6)
    await here.told()
    assert here.site.push.troubles == [] and phone.shown == []
    here.later(minutes=6)
    await here.told()
    assert len(phone.shown) == 1


async def test_nothing_is_lost_by_a_start(here: Telling) -> None:
    phone = await here.device()
    task = await here.asks()
    outbox = here.site.world.store.outbox
    told = (await here.site.world.store.events.latest((task.id,)))[task.id]
    await here.door()._telling.look()
    assert await outbox.behind() == {} and phone.shown == [] and told
    await outbox.take("died while it sent", here.site.world.clock() + timedelta(seconds=30), 10)
    await here.told()
    assert phone.shown == []
    here.later(minutes=5)
    await here.told()
    assert len(phone.shown) == 1


async def test_who_signed_in_without_a_token_is_told_too(here: Telling) -> None:
    here.visit = await visit_of(here.site, here.ada)
    phone = await here.device()
    await here.asks()
    await here.told()
    assert len(phone.shown) == 1


@pytest.mark.parametrize("why", ["gone", "revoked", "signed out", "late"])
async def test_a_device_whose_time_is_over_is_forgotten(here: Telling, why: str) -> None:
    phone, laptop = await here.device(), await here.device("laptop")
    task = await here.asks()
    if why == "gone":
        del here.site.push.browsers[phone.endpoint]
    elif why == "revoked":
        await here.site.world.store.tokens.revoke(here.token.id)
    elif why == "signed out":
        assert await here.site.world.store.entrance.visits.end(here.ada.id, here.visit.id)
    else:
        noticing = noticing_of(here.site.world, here.site.addresses, here.site.push)
        for one in await noticing.devices.of(here.ada.id):
            await noticing.devices.add(replace(one, until=here.site.world.clock()))
    await here.told()
    left = await noticing_of(here.site.world, here.site.addresses, here.site.push).devices.of(here.ada.id)
    assert phone.shown == []
    if why == "gone":
        assert [one.id for one in left] == ["laptop"] and len(laptop.shown) == 1
    else:
        assert laptop.shown == [] and here.site.push.taken == []
    assert task.state is State.WAITING


async def test_old_news_is_no_news(here: Telling) -> None:
    phone = await here.device()
    await here.asks()
    here.later(days=2)
    await here.told()
    assert phone.shown == []


async def test_what_agents_say_hides_nothing(here: Telling) -> None:
    phone = await here.device()
    await here.asks("yes\u202egnp.", "no\x00\n\nno", question="Delete\u202e it? " + "ü" * 5000)
    await here.told()
    (said,) = phone.shown
    assert "\u202e" not in json.dumps(said, ensure_ascii=False) and len(said["body"]) <= 240
    assert [one["title"] for one in said["buttons"]] == ["yes�gnp.", "no� no"]


async def test_three_answers_are_not_shown_as_two(here: Telling) -> None:
    phone = await here.device()
    await here.asks("red", "green", "blue")
    await here.told()
    assert phone.shown[0]["buttons"] == []


async def test_whoever_merges_is_told_where_the_requester_may_not(here: Telling) -> None:
    world = here.site.world
    bob, ada = (
        Known(key=name, name=name.capitalize(), identities=(Identity.parse(f"local:{name}"),))
        for name in ("bob", "ada")
    )
    rules = Rules(
        people=(ada, bob),
        roles=(
            Role(repositories=("*",), people=("*",), may=frozenset({Right.ASK, Right.STEER})),
            Role(repositories=("*",), people=("bob",), may=frozenset({Right.MERGE})),
        ),
    )
    world.who_is_who = rules
    world.policy.written = RolesPolicy(lambda: rules)
    mine, his = await here.device(), await here.device("his", await world.person("Bob"))
    await done(here.site)
    await here.asks()
    await here.told()
    assert len(mine.shown) == 2 and [one["title"] for one in his.shown] == ["Ready to merge"]


async def test_mail_says_it_where_nothing_else_does(here: Telling, post: FakeMail) -> None:
    await here.asks("red", "blue")
    for _ in range(2):
        await here.told()
    ((_, to, letter),) = post.letters
    text = letter.get_content()
    assert to == "ada@example.com" and letter["Subject"] == "A question: which of them"
    assert "Which one?" in text and re.search(r"http://honk/tasks/\S+", text) and "http://honk/settings" in text
    no_mail = re.search(r"http://honk(/notices/no-mail/\S+)", text)
    assert no_mail is not None and letter["List-Unsubscribe"] == f"<http://honk{no_mail[1]}>"
    assert "seal=" not in text and "red" not in text


async def test_mail_is_silent_where_a_device_or_a_chat_tells_and_where_nobody_wants_it(
    here: Telling, post: FakeMail
) -> None:
    phone = await here.device()
    await here.asks()
    await here.told()
    assert len(phone.shown) == 1 and post.letters == []
    await here.wants(mail=ByMail.ALWAYS)
    await here.asks()
    await here.told()
    assert len(post.letters) == 1
    del here.site.push.browsers[phone.endpoint]
    await here.wants()
    await here.asks()
    await here.told()
    assert len(post.letters) == 2  # the device was the last, and is gone
    task = await here.asks()
    place = Place(door="slack", team="T", channel="C", root="1.0")
    await here.site.world.store.chats.threads.add(Thread(task=task.id, place=place, asked_by="U"))
    await here.told()
    await here.wants(mail=ByMail.NEVER)
    await here.asks()
    await here.told()
    assert len(post.letters) == 2


async def test_a_reminder_and_an_ending_are_told(here: Telling) -> None:
    phone = await here.device()
    await here.wants(Level.EVERYTHING)
    task = await here.asks()
    events = here.site.world.store.events
    await events.record(task.id, 1, QuestionReminded(question="Which one?", hours=4))
    await events.record(task.id, 1, MergeDone(commit="c" * 40, head="h" * 40, base="main"))
    await events.record(task.id, 0, QuestionAsked(question="of an earlier turn"))
    await here.told()
    titles = [one["title"] for one in phone.shown]
    assert "Waiting for 4 h: which of them" in titles and "Merged into main" in titles
    assert not any("earlier" in one["body"] for one in phone.shown)


async def test_the_open_door_hears_of_it_at_once(here: Telling) -> None:
    phone = await here.device()
    async with here.door().opened():
        await here.asks()
        with anyio.fail_after(8):
            while not phone.shown:
                await anyio.lowlevel.checkpoint()
    assert phone.shown[0]["body"] == "Which one?"
