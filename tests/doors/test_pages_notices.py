"""Notices on the Settings page, presses from a lock screen, the app's own files: by the right person, and once."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import anyio
import httpx
import pytest
from pages_forms import done, form, led_to, send, settled, signed_in, words
from pages_world import Site, noticing_of, site_of
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from honk.domain.access import Scope
from honk.domain.notice import ByMail, Deed, Level, Notice, Offer, Wish
from honk.domain.policy import Act
from honk.domain.task import State, Task
from honk.doors.web.pwa import OneWorker
from honk.service.noticing import no_mail_path, sealed, wish_of
from honk.testing.fake_push import FakeBrowser
from honk.testing.fake_work import APP, Edit
from honk.testing.world import Watch
from honk.views.notices import notice_of

pytestmark = pytest.mark.anyio
HERE = {"sec-fetch-site": "same-origin"}
CHROME = "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 Chrome/140.0 Mobile Safari/537.36"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await signed_in(made)
        yield made


async def asked(site: Site) -> Task:
    site.world.agent.habits["which"] = Edit(asks=("Which one?", "the red one", "the blue one"))
    site.world.agent.habits["the blue one"] = Edit(files={APP: b"fixed"})
    return await done(site, "which of them")


async def buttons(site: Site, task: Task) -> list[dict[str, str]]:
    """What the notice of the task's last question or plan sends."""
    for event in reversed(await site.world.log(task)):
        notice = notice_of(event, (), await site.world.now(task))
        if notice is not None and notice.offers:
            who = task.requested_by
            return [sealed(one, notice, who, site.addresses.sign) for one in notice.offers]
    raise AssertionError("nothing is offered")


async def pressed(site: Site, fields: dict[str, str], **headers: str) -> httpx.Response:
    return await site.browser.post("/notices/press", data=fields, headers={**HERE, **headers})


async def add(site: Site, browser: FakeBrowser, **fields: str) -> httpx.Response:
    nonce = form(await site.text("/settings"), "/notices").fields["nonce"]
    said = {"nonce": nonce, "endpoint": browser.endpoint, "p256dh": browser.p256dh, "auth": browser.auth, **fields}
    return await site.browser.post("/notices/devices", data=said, headers={"user-agent": CHROME})


def browser_of(site: Site, name: str = "phone") -> FakeBrowser:
    return site.push.subscribe(noticing_of(site.world, site.addresses, site.push).push.key(), name)


# ── settings ───────────────────────────────────────────────────────────────────────────────────
async def test_each_person_chooses_for_themselves(site: Site) -> None:
    preferences, ada = site.world.store.chats.preferences, await site.world.person()
    filled = form(await site.text("/settings"), "/notices")
    assert (filled.fields["level"], filled.fields["mail"]) == ("needs-me", "otherwise")
    assert led_to(await send(site, filled, level="nothing", mail="never")) == "/settings?kept=notices#notices"
    assert await wish_of(preferences, ada.id) == Wish(level=Level.NOTHING, by_mail=ByMail.NEVER)
    filled = form(await site.text("/settings?kept=notices"), "/notices")
    assert (filled.fields["level"], filled.fields["mail"]) == ("nothing", "never")
    for wrong in ({"level": "all"}, {"mail": "<b>"}, {"level": ""}, {"nonce": "0" * 32}):
        assert (await send(site, filled, **wrong)).status_code in {400, 403}
    await signed_in(site, name="Bob")
    assert form(await site.text("/settings"), "/notices").fields["level"] == "needs-me"


async def test_a_device_is_added_renewed_and_removed(site: Site) -> None:
    phone = browser_of(site)
    devices = noticing_of(site.world, site.addresses, site.push).devices
    ada = await site.world.person()
    for _ in range(2):
        assert (await add(site, phone)).json()["said"] == "Notices are shown on this device."
    (kept,) = await devices.of(ada.id)
    assert (kept.label, kept.endpoint) == ("Chrome on Android", phone.endpoint)
    assert kept.visit in {one.id for one in await site.world.store.entrance.visits.of(ada.id)}
    page = await site.text("/settings")
    assert "Chrome on Android" in page and "this one" in page and phone.endpoint not in page and phone.auth not in page
    remove = form(page, "/notices/devices/remove")
    await signed_in(site, name="Eve")
    theirs = form(await site.text("/settings"), "/notices").fields["nonce"]
    await site.browser.post(remove.action, data={**remove.fields, "nonce": theirs})
    assert len(await devices.of(ada.id)) == 1
    await signed_in(site)
    led_to(await send(site, form(await site.text("/settings"), "/notices/devices/remove")))
    assert await devices.of(ada.id) == ()


async def test_what_is_no_subscription_is_refused(site: Site) -> None:
    phone = browser_of(site)
    site.push.inside.add("10.0.0.1")
    wrong: tuple[dict[str, str], ...] = (
        {"nonce": "1" * 32},
        {"endpoint": "http://push.example.net/send/phone"},
        {"endpoint": "https://10.0.0.1/send"},
        {"endpoint": "https://push.example.net:22/"},
        {"endpoint": ""},
        {"p256dh": "A" * 86},
        {"auth": "<script>"},
        {"auth": "é" * 22},
        {"sender": "B" * 87},
    )
    for fields in wrong:
        answer = await add(site, phone, **fields)
        assert answer.status_code in {400, 403} and "said" in answer.json(), fields
    assert await noticing_of(site.world, site.addresses, site.push).devices.of((await site.world.person()).id) == ()


async def test_signing_out_ends_what_this_browser_shows_and_keeps(site: Site) -> None:
    await add(site, browser_of(site))
    devices, ada = noticing_of(site.world, site.addresses, site.push).devices, await site.world.person()
    assert len(await devices.of(ada.id)) == 1
    answer = await send(site, form(await site.text("/settings"), "/sign-out"))
    assert led_to(answer) == "/sign-in" and answer.headers["clear-site-data"] == '"cache", "storage"'
    assert await devices.of(ada.id) == ()
    assert (await site.browser.post("/sign-out", data={"nonce": "0" * 32})).headers.get("clear-site-data") is None


async def test_a_letters_link_ends_the_mail_and_nothing_else(site: Site) -> None:
    ada = await site.world.person()
    path = no_mail_path(ada.id, site.addresses.sign)
    preferences = site.world.store.chats.preferences
    site.browser.cookies.clear()
    assert "No more mail?" in (await site.browser.get(path)).text
    assert (await wish_of(preferences, ada.id)).by_mail is ByMail.OTHERWISE
    # as a mail program does (RFC 8058)
    await site.browser.post(path, data={"List-Unsubscribe": "One-Click"})
    assert (await wish_of(preferences, ada.id)).by_mail is ByMail.NEVER
    for wrong in (path[:-1], f"{path}x", "/notices/no-mail/x", f"/notices/no-mail/{ada.id}.", "/notices/no-mail/%00.é"):
        assert (await site.browser.post(wrong)).status_code == 404


# ── a lock screen ──────────────────────────────────────────────────────────────────────────────
async def test_an_answer_from_a_lock_screen_counts_once_and_the_other_one_comes_too_late(site: Site) -> None:
    task = await asked(site)
    red, blue = await buttons(site, task)
    answers: list[httpx.Response] = []

    async def tap() -> None:
        answers.append(await pressed(site, blue))

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(tap)
    assert {(one.status_code, one.json()["said"]) for one in answers} == {(200, "The agent has your answer")}
    late = await pressed(site, red)
    assert late.status_code == 409 and "answered already" in late.json()["said"]
    assert late.json()["page"] == f"/tasks/{task.id}"
    task = await settled(site, task)
    assert (task.state, task.turn) == (State.PROPOSED, 2)
    message = (await site.world.app.ports.tasks.turn(task.id, 2)).message
    assert (message.text, message.by) == ("the blue one", task.requested_by)


async def test_what_was_answered_on_the_page_is_said_to_be(site: Site) -> None:
    task = await asked(site)
    red, _ = await buttons(site, task)
    await site.world.app.reply(await site.world.person(), task, "the blue one")
    await settled(site, task)
    late = await pressed(site, red)
    assert late.status_code == 409 and late.json()["said"] == "this question was answered already"
    assert (await site.world.now(task)).turn == 2


@pytest.mark.parametrize("number", [0, 1], ids=["go", "stop"])
async def test_a_plan_goes_or_is_given_up(site: Site, number: int) -> None:
    site.world.agent.habits["Carry it out now"] = Edit(files={APP: b"fixed"})
    task = await done(site, "fix the crash", plan=True)
    press = (await buttons(site, task))[number]
    for _ in range(2):
        assert (await pressed(site, press)).status_code == 200
    task = await settled(site, task)
    assert task.state is (State.STOPPED if number else State.PROPOSED)


async def test_a_press_is_for_whom_it_was_made_and_what_it_says(site: Site) -> None:
    task = await asked(site)
    other = await done(site)
    red, _ = await buttons(site, task)
    changed: tuple[dict[str, str], ...] = (
        {"seal": "a" * 20},
        {"seal": ""},
        {"choice": "2"},
        {"of": "1"},
        {"deed": "stop"},
        {"deed": "merge"},
        {"task": str(other.id)},
        {"task": "../../merge"},
        {"person": "somebody"},
        {"until": "99999999999"},
        {"person": f"{red['person']}.", "task": red["task"]},
    )
    for fields in changed:
        answer = await pressed(site, {**red, **fields})
        assert answer.status_code == 403, (fields, answer.text)
        assert answer.json()["page"].startswith("/") and "merge" not in answer.json()["page"]
    for rubbish in ({}, {"x" * 5000: "y"}, {str(n): "x" for n in range(50)}):
        assert (await pressed(site, rubbish)).status_code == 400
    await signed_in(site, name="Eve")
    assert (await pressed(site, red)).json()["said"] == "this notice is for somebody else"
    await signed_in(site, Scope.READ)
    assert (await pressed(site, red)).status_code == 403
    await signed_in(site)
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "same-site"}, {"sec-fetch-site": "none"}):
        assert (await pressed(site, red, **headers)).status_code == 403
    site.world.policy.refused.add((task.requested_by, Act.STEER))
    assert (await pressed(site, red)).status_code == 403
    site.world.policy.refused.clear()
    clock = site.world.clock
    assert isinstance(clock, Watch)
    clock.now += timedelta(days=1)
    assert "older than a day" in (await pressed(site, red)).json()["said"]
    site.browser.cookies.clear()
    assert led_to(await pressed(site, red)).startswith("/sign-in")
    assert (await site.world.now(task)).turn == 1
    assert (await site.browser.get("/notices/press")).status_code in {404, 405}


def test_no_two_presses_have_the_same_seal() -> None:
    clock = Watch()

    def seal(task: str, of: str) -> str:
        notice = Notice(task=task, seq=1, at=clock.now, title="", body="", page="")  # type: ignore[arg-type]
        offer = Offer(label="", deed=Deed.STOP, of=of)
        return sealed(offer, notice, "p", lambda kind, said: f"{kind} {said}")["seal"]  # type: ignore[arg-type]

    assert len({seal("a", "b"), seal("a.b", ""), seal("", "a.b"), seal("a\0", "b"), seal("a", "\0b")}) == 5


# ── the app's own files ────────────────────────────────────────────────────────────────────────
async def test_the_app_can_be_installed(site: Site) -> None:
    site.browser.cookies.clear()
    answer = await site.browser.get("/manifest.webmanifest")
    said = answer.json()
    assert answer.headers["content-type"] == "application/manifest+json"
    assert (said["start_url"], said["scope"], said["display"]) == ("/", "/", "standalone")
    assert [one["url"] for one in said["shortcuts"]] == ["/ask"]
    assert {one.get("purpose", "any") for one in said["icons"]} == {"any", "maskable"}
    for icon in said["icons"]:
        found = await site.browser.get(icon["src"])
        assert found.status_code == 200 and found.headers["content-type"] == icon["type"]
        if icon["type"] == "image/png":
            width, height = (int.from_bytes(found.content[at : at + 4]) for at in (16, 20))
            assert icon["sizes"] == f"{width}x{height}"
    page = (await site.browser.get("/sign-in")).text
    assert 'rel="manifest" href="/manifest.webmanifest"' in page and page.count('name="theme-color"') == 2
    policy = (await site.browser.get("/sign-in")).headers["content-security-policy"]
    assert "manifest-src 'self'" in policy and "worker-src 'self'" in policy and "unsafe" not in policy


async def test_the_worker_keeps_what_belongs_to_nobody(site: Site) -> None:
    task = await done(site)
    site.browser.cookies.clear()
    worker = await site.browser.get("/sw.js", headers={"service-worker": "script"})
    assert worker.status_code == 200 and worker.headers["content-type"].startswith("text/javascript")
    assert (
        worker.headers["cache-control"] == "no-cache"
        and "default-src 'none'" in worker.headers["content-security-policy"]
    )
    assert "service-worker-allowed" not in worker.headers
    known = json.loads(re.match(r"const HONK = (\{.*\});", worker.text)[1])  # type: ignore[index]
    for path in (*known["files"], known["offline"], known["icon"], known["badge"]):
        found = await site.browser.get(path)
        assert found.status_code == 200, path
        assert "Ada" not in found.text and task.id not in found.text and "set-cookie" not in found.headers
    again = await site.browser.get("/sw.js", headers={"if-none-match": worker.headers["etag"]})
    assert again.status_code == 304


async def test_no_other_script_is_registered() -> None:
    async def agents(_: object) -> PlainTextResponse:
        return PlainTextResponse("self.x = 1", headers={"Service-Worker-Allowed": "/"}, media_type="text/javascript")

    routes = [Route("/{path:path}", agents)]
    app = Starlette(routes=routes, middleware=[Middleware(OneWorker)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://honk") as browser:
        for path in (
            "/preview/x/worker.js",
            "/live/x/sw.js",
            "/tasks/t/files/x",
            "/sw.js/",
            "//sw.js",
            "/static/x/pwa.js",
        ):
            assert (await browser.get(path)).status_code == 200
            for header in ("script", " Script ", "SCRIPT"):
                answer = await browser.get(path, headers={"Service-Worker": header})
                assert answer.status_code == 403 and "service-worker-allowed" not in answer.headers, path
        assert (await browser.get("/sw.js", headers={"Service-Worker": "script"})).status_code == 200


async def test_the_offline_page_says_nothing_of_anybody(site: Site) -> None:
    signed = await site.text("/offline")
    site.browser.cookies.clear()
    assert await site.text("/offline") == signed and "Sign out" not in signed
    assert "kept on this device" in words(await site.browser.get("/offline"))
