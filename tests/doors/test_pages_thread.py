"""A task's page goes on by itself, says what is new and who else looks, and words that wait are changed."""

import asyncio
import gzip
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from pages_forms import done, form, forms, led_to, press, send, signed_in, words
from pages_world import Site, site_of

from honk.domain.access import Scope
from honk.domain.event import (
    AgentCalledTool,
    AgentToolAnswered,
    AgentWrote,
    ContactNamed,
    EventData,
    ModelCalled,
    StepProgressed,
    TaskNoted,
)
from honk.domain.message import Handling, Message, MessageId
from honk.domain.policy import Act
from honk.domain.task import State, Task

pytestmark = pytest.mark.anyio
HOSTILE = "<script>alert(1)</script>\r\n\r\nid: 99\rdata: x\u202e\x1b"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made, made.feed.running():
        await signed_in(made)
        yield made


@dataclass
class Sent:
    """One message of a stream."""

    html: str
    id: str


@dataclass
class Stream:
    """What a browser has of a stream."""

    start: dict[str, Any] = field(default_factory=dict)
    _text: str = ""
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, message: Any) -> None:
        if message["type"] == "http.response.start":
            self.start = dict(message)
        else:
            self._text += message["body"].decode()
            if not message.get("more_body"):
                self._over.set()
        self._news.set()

    @property
    def messages(self) -> list[Sent]:
        return read(self._text)

    async def until(self, wanted: str) -> str:
        """All the HTML, once that is in it."""
        while wanted not in (html := "\n".join(one.html for one in self.messages)):
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 10)
        return html

    async def over(self) -> None:
        """Once the server has ended it."""
        await asyncio.wait_for(self._over.wait(), 10)

    async def id(self, seq: int) -> None:
        """Once everything up to that event is there."""
        while not any(one.id and int(one.id) >= seq for one in self.messages):
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), 10)


def read(text: str) -> list[Sent]:
    """As the standard says that a browser reads it."""
    found = []
    for block in re.sub("\r\n?", "\n", text).split("\n\n")[: text.count("\n\n")]:
        lines = [line.partition(":") for line in block.split("\n")]
        data = [value.removeprefix(" ") for name, _, value in lines if name == "data"]
        ids = [value.removeprefix(" ") for name, _, value in lines if name == "id"]
        if data:
            found.append(Sent("\n".join(data), ids[-1] if ids else ""))
    return found


@asynccontextmanager
async def follows(site: Site, task: Task, after: int | None = None, **headers: str) -> AsyncIterator[Stream]:
    """The stream of the page, until it is closed; in the name of whoever signed in last."""
    stream, left = Stream(), asyncio.Event()
    cookies = "; ".join(f"{name}={value}" for name, value in site.browser.cookies.items())
    sent = {"cookie": cookies, "host": "honk", "sec-fetch-site": "same-origin", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/tasks/{task.id}/live",
        "raw_path": f"/tasks/{task.id}/live".encode(),
        "query_string": b"" if after is None else f"after={after}".encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "server": ("honk", 80),
    }

    async def receive() -> dict[str, str]:
        await left.wait()
        return {"type": "http.disconnect"}

    running = asyncio.create_task(site.app(scope, receive, stream.send))  # type: ignore[arg-type]
    try:
        yield stream
    finally:
        left.set()
        await asyncio.wait_for(running, 10)


async def at_work(site: Site) -> Task:
    """A task on which somebody works."""
    task = await site.world.ask()
    await site.world.store.tasks.move(task.id, State.PREPARING)
    return await site.world.store.tasks.move(task.id, State.CODING)


async def tell(site: Site, task: Task, data: EventData, turn: int = 1) -> int:
    return (await site.world.store.events.record(task.id, turn, data)).seq


async def last(site: Site, task: Task) -> int:
    return (await site.world.log(task))[-1].seq


async def test_what_the_agent_does_comes_as_it_happens(site: Site) -> None:
    task = await at_work(site)
    async with follows(site, task, await last(site, task)) as stream:
        await stream.until('id="here"')
        await tell(site, task, AgentWrote(text="I look ", partial=True))
        html = await stream.until("I look")
        assert 'data-in="writing-1"' in html
        await tell(site, task, AgentWrote(text="I look at it."))
        assert 'data-clears="writing-1"' in await stream.until("I look at it.")
        await tell(site, task, AgentCalledTool(call="c1", tool="Bash", summary="pytest -q"))
        called = re.search(
            r'<details class="call" id="(call-\w+)"><summary>Bash pytest -q', await stream.until("pytest")
        )
        assert called is not None
        await tell(site, task, AgentToolAnswered(call="c1", ok=False, output="1 failed"))
        assert f'data-in="{called[1]}" class="answer failed">1 failed' in await stream.until("1 failed")
        spent = ModelCalled(
            model="m", input_tokens=1, output_tokens=1, cache_read_tokens=0, cache_write_tokens=0, usd=1.0,
            total_usd=1.25, total_calls=3,
        )  # fmt: skip
        await tell(site, task, spent)
        assert "$1.25 in 3 model calls" in await stream.until("$1.25")
        await tell(site, task, StepProgressed(step="code", detail="half of it"))
        assert re.search(r'id="doing" data-part>code: half of it<', await stream.until("half of it"))
        await site.world.store.tasks.move(task.id, State.QUEUED, "behind two others")
        html = await stream.until('class="badge queued"')
        assert "behind two others" in html and 'id="below" data-part' in html
        assert all("</form>" in part for part in html.split("<form")[1:])
    page = await site.text(f"/tasks/{task.id}")
    assert "1 failed" in page and "I look at it." in page and 'id="writing-1"></pre>' in page


async def test_who_comes_back_has_each_line_once_and_loses_none(site: Site) -> None:
    task = await at_work(site)
    begin = await last(site, task)
    seqs: list[int] = []
    ids: list[str] = []
    number = 0
    for _ in range(4):
        async with follows(site, task, begin, **({"last-event-id": ids[-1]} if ids else {})) as stream:
            for _ in range(3):
                number += 1
                at = await tell(site, task, TaskNoted(text=f"note {number}."))
                await stream.until(f"note {number}.")
            await tell(site, task, TaskNoted(text="in the tunnel"))
            await stream.id(at)
        known = [one.id for one in stream.messages if one.id]
        upto = int(known[-1])
        html = "".join(one.html for one in stream.messages)
        seqs += [int(one) for one in re.findall(r'data-seq="(\d+)"', html) if int(one) <= upto]
        ids.append(str(upto))
    assert seqs == sorted(set(seqs)) and len(seqs) == int(ids[-1]) - begin


async def test_a_new_turn_comes_whole(site: Site) -> None:
    task = await done(site)
    async with follows(site, task, await last(site, task)) as stream:
        await stream.until('id="here"')
        async with site.world.working():
            await press(site, task, "reply", text="make it friendlier")
            await site.world.settled(task)
        html = await stream.until('id="turn-2-head"')
        assert re.search(r'<details id="turn-2" class="turn" data-in="turns" open>', html)
        await stream.until("make it friendlier")
        assert html.count('<details id="turn-2"') == 1 and 'id="turn-1" ' not in html


async def test_asked_once_it_answers_what_is_new_and_ends(site: Site) -> None:
    task = await at_work(site)
    before = await last(site, task)
    await tell(site, task, TaskNoted(text="later"))
    answer = await site.browser.get(f"/tasks/{task.id}/live?once=1&after={before}")
    messages = read(answer.text)
    assert "later" in answer.text and messages[-1].id == str(before + 1)
    again = await site.browser.get(f"/tasks/{task.id}/live?once=1&after={before + 1}")
    assert again.text == ""


@pytest.mark.parametrize("number", ["x", "-1", "1e3", "9" * 30, "²"])
async def test_a_number_that_is_none_begins_at_the_beginning(site: Site, number: str) -> None:
    task = await at_work(site)
    answer = await site.browser.get(f"/tasks/{task.id}/live", params={"once": "1", "after": number})
    assert answer.status_code == 200 and read(answer.text)


async def test_hostile_words_are_only_words_in_a_stream(site: Site) -> None:
    task = await at_work(site)
    async with follows(site, task, await last(site, task)) as stream:
        at = await tell(site, task, AgentWrote(text=HOSTILE))
        await tell(site, task, AgentWrote(text=HOSTILE, partial=True))
        await tell(site, task, AgentCalledTool(call=HOSTILE, tool=HOSTILE, summary=HOSTILE))
        await tell(site, task, AgentToolAnswered(call=HOSTILE, ok=True, output=HOSTILE))
        end = await tell(site, task, TaskNoted(text=HOSTILE))
        await stream.id(end)
        html = "".join(one.html for one in stream.messages)
        assert "<script>alert" not in html and "\u202e" not in html and "\x1b" not in html
        assert {int(one.id) for one in stream.messages if one.id} <= set(range(at, end + 1))


@pytest.mark.parametrize("how", ["token", "visit"])
async def test_strangers_follow_nothing_and_a_visit_that_is_over_ends_a_stream(site: Site, how: str) -> None:
    task, store = await at_work(site), site.world.store
    token = next(one for one in await store.tokens.list() if one.revoked_at is None)
    async with follows(site, task, await last(site, task)) as stream:
        await stream.until('id="here"')
        if how == "token":
            await store.tokens.revoke(token.id)
        else:
            await store.entrance.visits.end_all(token.person)
        await tell(site, task, TaskNoted(text="a moment later"))
        await store.tasks.move(task.id, State.QUEUED, "a reason")
        await stream.over()
        await tell(site, task, TaskNoted(text="nothing of this"))
    assert "nothing of this" not in "".join(one.html for one in stream.messages)
    assert 'class="badge queued"' not in "".join(one.html for one in stream.messages)
    answer = await site.browser.get(f"/tasks/{task.id}/live?once=1")
    assert answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
    await signed_in(site)
    framed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
    assert (await site.browser.get(f"/tasks/{task.id}/live?once=1", headers=framed)).status_code == 403
    assert (await site.browser.get("/tasks/nothing-here/live?once=1")).status_code == 404


async def test_people_see_who_else_is_there(site: Site) -> None:
    task = await at_work(site)
    begin = await last(site, task)
    async with follows(site, task, begin) as ada:
        await signed_in(site, name="Grace <b>")
        async with follows(site, task, begin) as grace:
            assert "Also here: Ada" in await grace.until("Also here")
            assert "Also here: Grace &lt;b&gt;" in await ada.until("Also here")
            page = await site.text(f"/tasks/{task.id}")
            assert "Also here: Ada<" in page, "oneself is not somebody else"
        while not ada.messages[-1].html.endswith('id="here" data-part hidden></p>'):
            ada._news.clear()
            await asyncio.wait_for(ada._news.wait(), 10)


async def test_what_is_new_is_marked_until_it_was_seen_on_whichever_device(site: Site) -> None:
    task = await at_work(site)
    page = await site.text(f"/tasks/{task.id}")
    assert "New since" not in page, "who was never here has nothing to compare with"
    assert led_to(await send(site, form(page, f"/tasks/{task.id}/seen"))) == f"/tasks/{task.id}"
    await press(site, task, "reply", text="my own words")
    assert "New since" not in await site.text(f"/tasks/{task.id}"), "what one did oneself is not new"
    await tell(site, task, TaskNoted(text="first news"))
    await tell(site, task, TaskNoted(text="second news"))
    for purpose in ({}, {"Sec-Purpose": "prefetch"}, {"User-Agent": "Slackbot-LinkExpanding 1.0"}):
        page = (await site.browser.get(f"/tasks/{task.id}", headers=purpose)).text
        assert re.search(r'id="new"><span>new since 08:\d\d UTC</span></li>\s*<li id="e\d+"[^>]*>.*first news', page)
        assert page.count('id="new"') == 1 and "<noscript><button>Seen</button></noscript>" in page
    await signed_in(site, Scope.READ, name="Grace")
    assert "New since" not in await site.text(f"/tasks/{task.id}"), "another person's mark"
    await signed_in(site)
    page = await site.text(f"/tasks/{task.id}")
    assert "New since" in page, "signed in again, as on another device"
    quiet = await send(site, form(page, f"/tasks/{task.id}/seen"), quiet="1")
    assert quiet.status_code == 204 and quiet.content == b""
    assert "New since" not in await site.text(f"/tasks/{task.id}")


async def test_a_mark_goes_forward_only_and_by_forms_of_ones_own(site: Site) -> None:
    task = await at_work(site)
    filled = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/seen")
    await send(site, filled)
    await tell(site, task, TaskNoted(text="news"))
    for seq in ("0", "1", "-5", "x", "9" * 20, ""):
        await send(site, filled, seq=seq)
        assert "New since" in await site.text(f"/tasks/{task.id}"), seq
    assert (await send(site, filled, nonce="0" * 32, seq="99999")).status_code == 403
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    answer = await site.browser.post(filled.action, data={**filled.fields, "seq": "99999"}, headers=elsewhere)
    assert answer.status_code == 403
    assert "New since" in await site.text(f"/tasks/{task.id}")
    await send(site, filled, seq="999999999")
    assert "New since" not in await site.text(f"/tasks/{task.id}")
    await tell(site, task, TaskNoted(text="more"))
    assert "New since" in await site.text(f"/tasks/{task.id}"), "nobody has read what is not written yet"


async def waits(site: Site, task: Task, name: str, text: str) -> Message:
    """A message in the mailbox."""
    person = await site.world.person(name)
    await site.world.app.reply(person, task, text, id=f"m-{name}", handling=Handling.STEER)
    return Message(id=MessageId(f"m-{name}"), by=person.id, text=text, at=site.world.clock())


async def test_words_that_wait_are_changed_by_whose_they_are(site: Site) -> None:
    task = await at_work(site)
    await waits(site, task, "Ada", "mind the empty list")
    await waits(site, task, "Grace", "and mine")
    page = await site.text(f"/tasks/{task.id}")
    mine = form(page, f"/tasks/{task.id}/edit")
    assert mine.fields["text"] == "mind the empty list" and forms(page).count(f"/tasks/{task.id}/edit") == 1
    led_to(await send(site, mine, text="mind the <b>full</b> list"))
    texts = [one.message.text for one in await site.world.store.tasks.waiting(task.id)]
    assert texts == ["mind the <b>full</b> list", "and mine"]
    other = await send(site, mine, text="not mine", message="m-Grace", once="a" * 32)
    assert other.status_code == 403 and "another person&#39;s words" in other.text
    assert (await send(site, mine, text=" ", once="b" * 32)).status_code == 400
    await signed_in(site, Scope.READ)
    assert f"/tasks/{task.id}/edit" not in await site.text(f"/tasks/{task.id}")


async def test_what_the_agent_has_is_not_changed_and_the_words_are_kept(site: Site) -> None:
    task = await at_work(site)
    said = await waits(site, task, "Ada", "mind the empty list")
    mine = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/edit")
    assert [one.id for one in await site.world.store.tasks.hand_messages(task.id, 1)] == [said.id]
    answer = await send(site, mine, text="mind the full list")
    assert answer.status_code == 409 and "the agent has this message already" in words(answer)
    assert re.search(r'aria-label="Say something to this task"[^>]*>\nmind the full list</textarea>', answer.text)
    await site.world.store.tasks.deliver(task.id, 1, said.id)
    answer = await send(site, mine, text="mind the full list", once="c" * 32)
    assert answer.status_code == 409
    assert [one.text for one in await site.world.store.tasks.said(task.id, 1)][-1] == "mind the empty list"


async def test_taken_while_it_is_changed_it_is_either(site: Site) -> None:
    task = await at_work(site)
    await waits(site, task, "Ada", "one")
    mine = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/edit")
    changed, taken = await asyncio.gather(
        send(site, mine, text="two"), site.world.store.tasks.hand_messages(task.id, 1)
    )
    assert (changed.status_code, taken[0].text) in {(303, "two"), (409, "one")}


async def test_a_task_is_handed_over_to_who_may_answer_for_it(site: Site) -> None:
    task = await at_work(site)
    grace, eve = await site.world.person("Grace"), await site.world.person("Eve")
    assert f"/tasks/{task.id}/contact" not in await site.text(f"/tasks/{task.id}"), "there is nobody else"
    await waits(site, task, "Grace", "and mine")
    site.world.policy.refused.add((eve.id, Act.STEER))
    filled = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/contact")
    for nobody in ("", "nobody", eve.id):
        answer = await send(site, filled, person=nobody, once=f"{nobody[:8]:0<32}")
        assert answer.status_code == 400, nobody
    for once in ("e" * 32, "f" * 32):
        led_to(await send(site, filled, person=grace.id, once=once))
    assert (await site.world.now(task)).told == grace.id != (await site.world.now(task)).requested_by
    named = [one for one in await site.world.log(task) if isinstance(one.data, ContactNamed)]
    assert [one.data.name for one in named] == ["Grace"], "once"
    assert "Grace is asked and told about it from now on" in await site.text(f"/tasks/{task.id}")
    await site.world.store.tasks.move(task.id, State.WAITING, "a question")
    assert f"/tasks/{task.id}" not in await site.text("/?tab=waiting")
    await signed_in(site, name="Grace")
    assert f"/tasks/{task.id}" in await site.text("/?tab=waiting")
    await signed_in(site, Scope.READ)
    assert f"/tasks/{task.id}/contact" not in (await site.text(f"/tasks/{task.id}"))


async def test_pages_are_sent_small_and_streams_as_they_are(site: Site) -> None:
    task = await at_work(site)
    for number in range(400):  # words that do not compress well
        said = " ".join(hashlib.sha256(f"{number} {word}".encode()).hexdigest()[:6] for word in range(number))
        await tell(site, task, AgentWrote(text=f"{number}: {said}"))
    address = f"/tasks/{task.id}"
    total = 0
    answer = await _raw(site, address, "gzip, br")
    html = gzip.decompress(answer.content).decode()
    for path in [address, *re.findall(r'(?:href|src)="(/static/[^"]+)"', html)]:
        answer = await _raw(site, path, "gzip")
        assert answer.headers.get("content-encoding") == "gzip" or len(answer.content) < 500, path
        assert answer.headers["vary"] == "Accept-Encoding"
        total += len(answer.content)
    assert total < 100_000, f"{total} bytes"
    for refused in ("", "identity", "gzip;q=0", "br"):
        plain = await _raw(site, address, refused)
        assert "content-encoding" not in plain.headers and plain.text.startswith("<!doctype"), refused
    for path in (f"{address}/live?once=1", f"{address}/log"):
        assert "content-encoding" not in (await _raw(site, path, "gzip")).headers, path
    async with follows(site, task, 400, **{"accept-encoding": "gzip"}) as stream:
        await stream.until('id="here"')
        names = {name for name, _ in stream.start["headers"]}
        assert b"content-encoding" not in names and b"content-length" not in names


async def test_the_number_of_a_form_looks_different_on_every_page(site: Site) -> None:
    task = await at_work(site)
    found = [set(re.findall(r'name="nonce" value="(\w+)"', await site.text(f"/tasks/{task.id}"))) for _ in range(3)]
    assert all(len(one) == 1 for one in found) and len(set.union(*found)) == 3
    assert site.browser.cookies["honk-form"] not in set.union(*found)
    for one in set.union(*found):
        filled = form(await site.text(f"/tasks/{task.id}"), f"/tasks/{task.id}/seen")
        assert led_to(await send(site, filled, nonce=one))


async def _raw(site: Site, path: str, encoding: str) -> httpx.Response:
    """The answer with its content as it was sent."""
    async with site.browser.stream("GET", path, headers={"Accept-Encoding": encoding}) as answer:
        content = b"".join([piece async for piece in answer.aiter_raw()])
    raw = httpx.Response(answer.status_code, content=content)
    raw.headers = answer.headers
    return raw
