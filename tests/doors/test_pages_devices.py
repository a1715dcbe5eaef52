"""Links that are good once, the list of devices, and passkeys: what they open, and what ends them."""

import base64
import hashlib
import json
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import cbor2
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from pages_world import Site, app_of, linking_of, site_of

from honk.adapters.passkeys import WebAuthn
from honk.domain.access import Scope
from honk.domain.person import Identity
from honk.domain.visit import device_of
from honk.service.entering import Entering

pytestmark = pytest.mark.anyio
ORIGIN = "https://honk.example"
PHONE = (
    "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari/537.36"
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path, secure=True) as made:
        yield made


def entering(site: Site) -> Entering:
    return Entering(
        entrance=site.world.store.entrance,
        app=site.world.app,
        linking=linking_of(site.world, site.addresses),
        authenticators=WebAuthn(ORIGIN, lambda: None),
    )


async def link(site: Site, *scopes: Scope) -> str:
    return await entering(site).link(await site.world.person(), frozenset(scopes or Scope))


async def press(site: Site, path: str, **fields: str) -> httpx.Response:
    """A form of this browser's."""
    form = site.browser.cookies.get("__Host-honk-form")
    return await site.browser.post(path, data={"nonce": form or "", **fields})


def browser(site: Site, **headers: str) -> httpx.AsyncClient:
    """Another one."""
    transport = httpx.ASGITransport(app_of(site.world, site.addresses, secure=True))
    return httpx.AsyncClient(transport=transport, base_url="https://honk", headers=headers)


# ── links ──────────────────────────────────────────────────────────────────────────────────────
async def test_a_link_signs_in_once(site: Site) -> None:
    path = await link(site)
    for _ in range(3):  # whatever looks at links before people do
        page = await site.browser.get(path)
        assert page.status_code == 200 and "Sign in as Ada" in page.text
    assert (await site.browser.get("/")).status_code == 303, "looking signs nobody in"
    assert (await press(site, path)).headers["location"] == "/"
    assert "you are Ada" in await site.text("/more")
    site.browser.cookies.clear()
    used = await site.browser.get(path)
    assert used.status_code == 404 and "opens nothing" in used.text
    await site.browser.get("/sign-in")
    assert (await press(site, path)).status_code == 403


async def test_of_many_who_press_at_once_one_comes_in(site: Site) -> None:
    path = await link(site)
    await site.browser.get(path)
    found: list[int] = []

    async def one() -> None:
        found.append((await press(site, path)).status_code)

    async with anyio.create_task_group() as group:
        for _ in range(8):
            group.start_soon(one)
    assert found.count(303) == 1


async def test_a_link_that_is_late_made_up_or_pressed_by_another_site_signs_nobody_in(site: Site) -> None:
    path = await link(site)
    await site.browser.get(path)
    assert (await site.browser.post(path)).status_code == 403
    crossed = await site.browser.post(
        path,
        data={"nonce": site.browser.cookies["__Host-honk-form"]},
        headers={"Sec-Fetch-Site": "cross-site"},
    )
    assert crossed.status_code == 403
    for wrong in ("/sign-in/link/" + "A" * 43, "/sign-in/link/x", f"{path}x", "/sign-in/link/%00", "/sign-in/link/é"):
        assert (await site.browser.get(wrong)).status_code == 404, wrong
        assert (await press(site, wrong)).status_code == 403, wrong
    site.world.clock.now += timedelta(minutes=11)  # type: ignore[attr-defined]
    assert (await site.browser.get(path)).status_code == 404
    assert (await press(site, path)).status_code == 403
    assert (await site.browser.get("/")).status_code == 303


async def test_a_link_opens_what_it_was_made_for(site: Site) -> None:
    path = await link(site, Scope.READ)
    await site.browser.get(path)
    await press(site, path)
    task = await site.world.ask()
    assert "Stop" not in re.sub(r"<head>.*</head>", "", await site.text(f"/tasks/{task.id}"))


async def test_who_guesses_links_waits(site: Site) -> None:
    for number in range(10):
        assert (await site.browser.get(f"/sign-in/link/{number:043}")).status_code == 404
    answer = await site.browser.get(await link(site))
    assert answer.status_code == 429 and int(answer.headers["retry-after"]) > 500


# ── devices ────────────────────────────────────────────────────────────────────────────────────
async def test_each_browser_is_listed_and_can_be_ended_at_once(site: Site) -> None:
    token = await site.token(*Scope)
    await site.sign_in(token)
    async with browser(site, **{"User-Agent": PHONE}) as phone:
        path = await link(site)
        await phone.get(path)
        await phone.post(path, data={"nonce": phone.cookies["__Host-honk-form"]})
        assert (await phone.get("/")).status_code == 200
        page = await site.text("/devices")
        assert "Chrome on Android" in page and "this browser" in page and "by a link" in page
        assert "by an access token" in page and PHONE not in page and "127.0.0.1" not in page
        found = await site.world.store.entrance.visits.of((await site.world.person()).id)
        other = next(one for one in found if one.way == "link")
        assert (await press(site, "/devices/end", id=other.id)).headers["location"] == "/devices"
        assert (await phone.get("/")).status_code == 303
        assert (await site.browser.get("/")).status_code == 200
        gone = await press(site, "/devices/end", id=other.id)
        assert gone.status_code == 403 and "gone already" in gone.text


async def test_signing_out_everywhere_ends_every_visit_and_the_others_only_those(site: Site) -> None:
    token = await site.token()
    await site.sign_in(token)
    async with browser(site) as one, browser(site) as two:
        for each in (one, two):
            await each.get("/sign-in")
            await each.post("/sign-in", data={"nonce": each.cookies["__Host-honk-form"], "token": token})
        assert (await one.get("/")).status_code == 200
        await press(site, "/devices/end-others")
        assert [(await each.get("/")).status_code for each in (one, two, site.browser)] == [303, 303, 200]
        await one.post("/sign-in", data={"nonce": one.cookies["__Host-honk-form"], "token": token})
        assert (await one.get("/")).status_code == 200
        answer = await press(site, "/devices/end-all")
        assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'
        assert answer.headers["location"] == "/sign-in" and "__Host-honk" not in site.browser.cookies
        assert [(await each.get("/")).status_code for each in (one, site.browser)] == [303, 303]


async def test_nobody_ends_what_is_somebody_elses(site: Site) -> None:
    await site.sign_in(await site.token())
    eve = await site.world.person("Eve")
    issued = await site.world.store.tokens.issue(eve.id, "phone", frozenset({Scope.READ}))
    async with browser(site) as other:
        await other.get("/sign-in")
        nonce = {"nonce": other.cookies["__Host-honk-form"]}
        await other.post("/sign-in", data={**nonce, "token": issued.secret.reveal()})
        nonce = {"nonce": other.cookies["__Host-honk-form"]}
        (ada,) = await site.world.store.entrance.visits.of((await site.world.person()).id)
        assert ada.id not in (await other.get("/devices")).text
        assert (await other.post("/devices/end", data={**nonce, "id": ada.id})).status_code == 403
        await other.post("/devices/end-others", data=nonce)
        await other.post("/devices/end-all", data=nonce)
        assert (await site.browser.get("/")).status_code == 200


@pytest.mark.parametrize(
    "path", ["/devices/end", "/devices/end-others", "/devices/end-all", "/devices/passkeys", "/devices/passkeys/remove"]
)
async def test_another_site_ends_and_adds_nothing(path: str, site: Site) -> None:
    await site.sign_in(await site.token())
    (mine,) = await site.world.store.entrance.visits.of((await site.world.person()).id)
    answer = await site.browser.post(path, data={"id": mine.id, "nonce": "0" * 32})
    assert answer.status_code == 403 and "not filled in here" in answer.text
    right = {"id": mine.id, "nonce": site.browser.cookies["__Host-honk-form"]}
    crossed = await site.browser.post(path, data=right, headers={"Sec-Fetch-Site": "cross-site"})
    assert crossed.status_code == 403
    assert (await site.browser.get("/")).status_code == 200
    assert (await site.browser.get("/devices/end")).status_code == 405


async def test_last_seen_is_known_to_five_minutes(site: Site) -> None:
    await site.sign_in(await site.token())
    visits, person = site.world.store.entrance.visits, (await site.world.person()).id
    (before,) = await visits.of(person)
    await site.browser.get("/")
    assert (await visits.of(person))[0].seen_at == before.seen_at
    site.world.clock.now += timedelta(minutes=6)  # type: ignore[attr-defined]
    await site.browser.get("/")
    assert (await visits.of(person))[0].seen_at > before.seen_at


async def test_signing_out_ends_the_visit_and_not_only_the_cookie(site: Site) -> None:
    await site.sign_in(await site.token())
    kept = site.browser.cookies["__Host-honk"]
    await press(site, "/sign-out")
    site.browser.cookies.clear()
    assert (await site.browser.get("/", headers={"Cookie": f"__Host-honk={kept}"})).status_code == 303


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (PHONE, "Chrome on Android"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) Version/18.1 Safari/604.1", "Safari on an iPhone"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "Firefox on Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140.0 Safari/537.36 Edg/140.0", "Edge on Windows"),
        ("curl/8.5.0", "curl"),
        ("<script>alert(1)</script>", "a browser"),
        ("", "a browser"),
    ],
    ids=["android", "iphone", "firefox", "edge", "curl", "script", "nothing"],
)
def test_a_device_is_called_what_people_call_it(user_agent: str, device: str) -> None:
    assert device_of(user_agent) == device


# ── passkeys ───────────────────────────────────────────────────────────────────────────────────
def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


@dataclass
class Device:
    """What keeps a passkey, and signs with it (https://www.w3.org/TR/webauthn-3/, sections 6.1 and 6.5)."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    id: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    count: int = 0
    origin: str = ORIGIN
    host: str = "honk.example"
    #: user present, and verified
    flags: int = 0x05

    def _told(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": f"webauthn.{kind}", "challenge": challenge, "origin": self.origin}).encode()

    def _seen(self, flags: int) -> bytes:
        return hashlib.sha256(self.host.encode()).digest() + bytes([flags]) + self.count.to_bytes(4)

    def made(self, options: dict[str, Any]) -> str:
        point = self.key.public_key().public_numbers()
        public = cbor2.dumps({1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32), -3: point.y.to_bytes(32)})
        data = self._seen(self.flags | 0x40) + bytes(16) + len(self.id).to_bytes(2) + self.id + public
        attested = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        told = self._told("create", options["challenge"])
        return self._answer({"clientDataJSON": encoded(told), "attestationObject": encoded(attested)})

    def signed(self, options: dict[str, Any]) -> str:
        self.count += 1
        told, data = self._told("get", options["challenge"]), self._seen(self.flags)
        signature = self.key.sign(data + hashlib.sha256(told).digest(), ec.ECDSA(SHA256()))
        response = {"clientDataJSON": told, "authenticatorData": data, "signature": signature}
        return self._answer({name: encoded(value) for name, value in response.items()})

    def _answer(self, response: dict[str, str]) -> str:
        id = encoded(self.id)
        return json.dumps({"id": id, "rawId": id, "type": "public-key", "response": response})


async def options(site: Site, path: str) -> dict[str, Any]:
    answer = await press(site, f"{path}/options")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def added(site: Site, device: Device, name: str = "my phone") -> httpx.Response:
    asked = await options(site, "/devices/passkeys")
    return await press(site, "/devices/passkeys", name=name, answer=device.made(asked))


async def shown(site: Site, device: Device, to: str = "/") -> httpx.Response:
    asked = await options(site, "/sign-in/passkey")
    return await press(site, "/sign-in/passkey", to=to, answer=device.signed(asked))


async def signed_out(site: Site) -> None:
    site.browser.cookies.clear()
    await site.browser.get("/sign-in")


async def test_a_passkey_is_added_signs_in_and_is_removed(site: Site) -> None:
    await site.sign_in(await site.token(*Scope))
    device = Device()
    asked = await options(site, "/devices/passkeys")
    assert asked["rp"]["id"] == "honk.example" and asked["authenticatorSelection"]["userVerification"] == "required"
    assert (await press(site, "/devices/passkeys", answer=device.made(asked))).headers["location"] == "/devices"
    await signed_out(site)
    answer = await shown(site, device, "/builds")
    assert (answer.status_code, answer.headers["location"]) == (303, "/builds")
    assert "last used" in await site.text("/devices") and "by a passkey" in await site.text("/devices")
    (kept,) = await site.world.store.entrance.passkeys.of((await site.world.person()).id)
    assert kept.count == 1 and kept.scopes == frozenset(Scope)
    await press(site, "/devices/passkeys/remove", id=kept.id)
    assert "You have none yet" in await site.text("/devices")
    await signed_out(site)
    assert (await shown(site, device)).status_code == 403


async def test_a_passkey_opens_no_more_than_the_visit_in_which_it_was_added(site: Site) -> None:
    """A stolen token makes no key that outlives it."""
    await site.sign_in(await site.token(Scope.READ, Scope.STEER))
    assert "opens what this visit may do, and no more" in await site.text("/devices")
    device = Device()
    assert (await added(site, device)).status_code == 303
    await signed_out(site)
    assert (await shown(site, device)).status_code == 303
    visits = await site.world.store.entrance.visits.of((await site.world.person()).id)
    (mine,) = [one for one in visits if one.way == "passkey"]
    assert mine.scopes == {Scope.READ, Scope.STEER}
    (token,) = await site.world.store.tokens.list()
    await site.world.store.tokens.revoke(token.id)
    assert (await site.browser.get("/")).status_code == 303
    await signed_out(site)
    assert (await shown(site, device)).status_code == 403


async def test_what_a_passkey_has_signed_counts_once_and_not_for_long(site: Site) -> None:
    await site.sign_in(await site.token())
    device = Device()
    asked = await options(site, "/devices/passkeys")
    answer = device.made(asked)
    assert (await press(site, "/devices/passkeys", answer=answer)).status_code == 303
    assert (await press(site, "/devices/passkeys", answer=answer)).status_code == 403
    await signed_out(site)
    signed = device.signed(await options(site, "/sign-in/passkey"))
    late = device.signed(await options(site, "/sign-in/passkey"))
    assert (await press(site, "/sign-in/passkey", answer=signed)).status_code == 303
    assert (await press(site, "/sign-in/passkey", answer=signed)).status_code == 403
    site.world.clock.now += timedelta(minutes=6)  # type: ignore[attr-defined]
    assert (await press(site, "/sign-in/passkey", answer=late)).status_code == 403


async def test_what_is_not_signed_rightly_signs_nobody_in(site: Site) -> None:
    await site.sign_in(await site.token())
    device = Device()
    await added(site, device)
    await signed_out(site)
    twin = Device(id=device.id)
    wrong = (
        *(Device(), twin, Device(key=device.key, id=device.id, origin="https://evil.example")),
        *(Device(key=device.key, id=device.id, host="evil.example"), Device(key=device.key, id=device.id, flags=0x01)),
    )
    for one in wrong:
        assert (await shown(site, one)).status_code == 403, one
    adding = Device(key=device.key, id=device.id)
    asked = await options(site, "/sign-in/passkey")
    for answer in ("", "{}", "[]", "é", '{"id":1}', "x" * 20_000, "x" * 40_000, adding.made(asked)):
        assert (await press(site, "/sign-in/passkey", answer=answer)).status_code == 403, answer[:40]
    assert (await site.browser.get("/")).status_code == 303


async def test_a_challenge_to_sign_in_adds_no_passkey_and_one_persons_adds_none_to_anothers(site: Site) -> None:
    await site.sign_in(await site.token())
    device = Device()
    other = await options(site, "/sign-in/passkey")
    assert (await press(site, "/devices/passkeys", answer=device.made(other))).status_code == 403
    eves = json.loads(await entering(site).to_add(await site.world.person("Eve")))
    assert (await press(site, "/devices/passkeys", answer=device.made(eves))).status_code == 403
    assert (await added(site, device)).status_code == 303
    assert (await added(site, device)).status_code == 403, "known already"


async def test_nobody_removes_somebody_elses_passkey(site: Site) -> None:
    await site.sign_in(await site.token())
    await added(site, Device(), name="<b>Ada's</b>")
    assert "<b>Ada" not in await site.text("/devices")
    person = await site.world.person()
    (kept,) = await site.world.store.entrance.passkeys.of(person.id)
    eve = await site.world.store.tasks.person(Identity.parse("local:eve"), "Eve")
    assert not await site.world.store.entrance.passkeys.remove(eve.id, kept.id)
    assert await site.world.store.entrance.passkeys.find(kept.id) == kept


@pytest.mark.parametrize(
    ("public_url", "served", "origin"),
    [
        ("https://honk.example.com", "http://127.0.0.1:8000", "https://honk.example.com"),
        ("https://honk.example.com:8443", None, "https://honk.example.com:8443"),
        ("", "http://127.0.0.1:8000", "http://localhost:8000"),
        ("", "http://localhost:8000", "http://localhost:8000"),
        ("", "http://192.0.2.7:8000", ""),
        ("http://honk.example.com", None, ""),
        ("https://192.0.2.7", None, ""),
        ("", None, ""),
    ],
)
def test_passkeys_work_where_browsers_let_pages_have_them(public_url: str, served: str | None, origin: str) -> None:
    assert WebAuthn(public_url, lambda: served).origin() == origin
