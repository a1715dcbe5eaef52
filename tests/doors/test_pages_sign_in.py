"""Signing in: who gets in, who is refused, and what other sites cannot make a browser do."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest
from pages_world import Site, site_of
from starlette.requests import Request

from honk.domain.access import Scope
from honk.doors.web.attempts import names_of
from honk.doors.web.signing_in import way_back

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        yield made


async def test_a_stranger_is_sent_to_the_form_and_back(site: Site) -> None:
    task = await site.world.ask()
    for path in ("/", f"/tasks/{task.id}", f"/tasks/{task.id}/patch", "/builds/1234", f"/tasks/{task.id}/log?a=b"):
        answer = await site.browser.get(path)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/sign-in?to={quote(path, safe='')}")
    signed_in = await site.sign_in(await site.token(), f"/tasks/{task.id}")
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, f"/tasks/{task.id}")
    assert "fix the crash" in await site.text(f"/tasks/{task.id}")


async def test_the_cookie_is_no_token_and_is_kept_from_scripts_and_other_sites(site: Site) -> None:
    token = await site.token(Scope.READ, Scope.MERGE)
    answer = await site.sign_in(token)
    cookie = next(one for one in answer.headers.get_list("set-cookie") if one.startswith("honk="))
    assert token not in cookie and "honk_" not in cookie
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    value = cookie.partition("=")[2].partition(";")[0]
    assert await site.world.store.tokens.find(value) is None


async def test_with_https_the_cookie_is_bound_to_it(tmp_path: Path) -> None:
    async with site_of(tmp_path, secure=True) as site:
        answer = await site.sign_in(await site.token())
        cookies = answer.headers.get_list("set-cookie")
        assert any(one.startswith("__Host-honk=") and "Secure" in one and "Domain" not in one for one in cookies)
        assert "Tasks" in await site.text("/")


@pytest.mark.parametrize("token", ["", "honk_wrong", "honk_" + "0" * 49, "x" * 3000])
async def test_what_is_no_token_is_refused(token: str, site: Site) -> None:
    answer = await site.sign_in(token)
    assert answer.status_code == 403 and "No such access token" in answer.text
    assert "honk" not in site.browser.cookies


async def test_a_token_that_is_not_for_looking_is_refused(site: Site) -> None:
    answer = await site.sign_in(await site.token(Scope.ASK))
    assert answer.status_code == 403 and "no scope" in answer.text


async def test_a_revoked_token_ends_the_visit(site: Site) -> None:
    await site.sign_in(await site.token())
    assert "Tasks" in await site.text("/")
    (token,) = await site.world.store.tokens.list()
    await site.world.store.tokens.revoke(token.id)
    assert (await site.browser.get("/")).status_code == 303


async def test_a_visit_ends_by_itself(site: Site) -> None:
    await site.sign_in(await site.token())
    clock = site.world.clock
    clock.now += timedelta(days=29)  # type: ignore[attr-defined]
    assert (await site.browser.get("/")).status_code == 200
    clock.now += timedelta(days=2)  # type: ignore[attr-defined]
    assert (await site.browser.get("/")).status_code == 303


async def test_a_cookie_that_somebody_made_opens_nothing(site: Site) -> None:
    await site.sign_in(await site.token())
    right = site.browser.cookies["honk"]
    (known,) = await site.world.store.entrance.visits.of((await site.world.person()).id)
    for wrong in (known.id, known.token, f"{right}x", right[:-1], "A" * 43, "", "..", "a" * 4000):
        site.browser.cookies.clear()
        assert (await site.browser.get("/", headers={"Cookie": f"honk={wrong}"})).status_code == 303, wrong
    assert (await site.browser.get("/", headers={"Cookie": f"honk={right}"})).status_code == 200


async def test_what_a_browser_shows_is_stored_nowhere(site: Site, tmp_path: Path) -> None:
    await site.sign_in(await site.token())
    shown = site.browser.cookies["honk"]
    rows = await site.world.store.tokens._database.read(
        lambda connection: connection.exec_driver_sql("SELECT * FROM visits").all()
    )
    assert len(rows) == 1 and shown not in str(rows)


async def test_a_visit_that_somebody_put_into_the_browser_before_is_worth_nothing_after(site: Site) -> None:
    """Session fixation: the cookie, and the number of its forms, are new with each signing in."""
    token = await site.token()
    await site.sign_in(token)
    planted, form = site.browser.cookies["honk"], site.browser.cookies["honk-form"]
    await site.browser.post("/sign-in", data={"nonce": form, "token": token})
    form_page = await site.browser.post("/sign-in", data={"nonce": form, "token": token})
    assert form_page.status_code == 403 and site.browser.cookies["honk"] != planted
    await site.browser.post("/sign-in", data={"nonce": site.browser.cookies["honk-form"], "token": token})
    site.browser.cookies.clear()
    assert (await site.browser.get("/", headers={"Cookie": f"honk={planted}"})).status_code == 303


async def test_who_guesses_waits(site: Site) -> None:
    for number in range(10):
        assert (await site.sign_in(f"honk_{number}")).status_code == 403
    right = await site.token()
    refused = await site.sign_in(right)
    assert refused.status_code == 429 and 500 < int(refused.headers["retry-after"]) <= 600
    assert "Too many attempts" in refused.text and "10 minutes" in refused.text and "honk" not in site.browser.cookies
    site.world.clock.now += timedelta(minutes=4)  # type: ignore[attr-defined]
    assert int((await site.sign_in(right)).headers["retry-after"]) < 400
    site.world.clock.now += timedelta(minutes=6)  # type: ignore[attr-defined]
    assert (await site.sign_in(right)).status_code == 303


async def test_who_is_right_never_waits(site: Site) -> None:
    token = await site.token()
    for _ in range(12):
        site.browser.cookies.clear()
        assert (await site.sign_in(token)).status_code == 303


async def test_many_guesses_at_once_are_no_way_round(site: Site) -> None:
    await site.browser.get("/sign-in")
    fields = {"nonce": site.browser.cookies["honk-form"]}
    found: list[int] = []

    async def guess(number: int) -> None:
        answer = await site.browser.post("/sign-in", data={**fields, "token": f"honk_{number}"})
        found.append(answer.status_code)

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(guess, number)
    assert found.count(403) == 10 and found.count(429) == 20


async def test_one_token_is_guessed_from_many_addresses_no_oftener(site: Site) -> None:
    """The proxy on this machine says whom it speaks for; what its client claimed before stands further left."""
    await site.browser.get("/sign-in")
    form = {"nonce": site.browser.cookies["honk-form"], "token": "honk_the_same"}
    for number in range(10):
        headers = {"X-Forwarded-For": f"198.51.100.1, 203.0.113.{number}"}
        assert (await site.browser.post("/sign-in", data=form, headers=headers)).status_code == 403
    other = {"X-Forwarded-For": "203.0.113.99"}
    assert (await site.browser.post("/sign-in", data=form, headers=other)).status_code == 429
    form["token"] = await site.token()
    assert (await site.browser.post("/sign-in", data=form, headers=other)).status_code == 303


@pytest.mark.parametrize(
    ("near", "said", "counted"),
    [
        ("127.0.0.1", "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        ("::1", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("127.0.0.1", "rubbish, \xe9", "127.0.0.1"),
        ("127.0.0.1", "", "127.0.0.1"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),
    ],
    ids=["proxy", "network", "rubbish", "nobody", "stranger"],
)
def test_an_attempt_counts_for_where_it_comes_from(near: str, said: str, counted: str) -> None:
    headers = [(b"x-forwarded-for", said.encode("latin-1"))]
    request = Request({"type": "http", "client": (near, 1), "headers": headers})
    where, what = names_of(request, "token", "a secret")
    assert where == f"from {counted}" and "a secret" not in what


async def test_a_form_that_another_site_filled_in_is_refused(site: Site) -> None:
    """Login CSRF: a stranger's token must not get into this browser."""
    token = await site.token()
    await site.browser.get("/sign-in")
    for fields in ({}, {"nonce": ""}, {"nonce": "0" * 32}):
        answer = await site.browser.post("/sign-in", data={"token": token, "to": "/", **fields})
        assert answer.status_code == 403 and "not filled in here" in answer.text
    site.browser.cookies.clear()
    assert (await site.sign_in(token, nonce="0" * 32)).status_code == 403
    assert "honk" not in site.browser.cookies


async def test_a_form_sent_from_elsewhere_is_refused_even_with_the_right_number(site: Site) -> None:
    await site.browser.get("/sign-in")
    nonce = site.browser.cookies["honk-form"]
    form = {"token": await site.token(), "nonce": nonce}
    for where in ("cross-site", "same-site", "none"):
        answer = await site.browser.post("/sign-in", data=form, headers={"Sec-Fetch-Site": where})
        assert answer.status_code == 403, where
    answer = await site.browser.post("/sign-in", data=form, headers={"Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 303


async def test_signing_out_needs_the_form_and_ends_the_visit(site: Site) -> None:
    await site.sign_in(await site.token())
    await site.browser.post("/sign-out", data={"nonce": "0" * 32})
    assert (await site.browser.get("/")).status_code == 200
    await site.browser.post("/sign-out", data={"nonce": site.browser.cookies["honk-form"]})
    assert (await site.browser.get("/")).status_code == 303


@pytest.mark.parametrize(
    "to",
    [
        *("https://evil.example", "//evil.example", "/\\evil.example", "\\\\evil.example", "/%2f/evil.example"),
        *("javascript:alert(1)", "/tasks//evil.example", "/tasks/x\r\nSet-Cookie: a=b", "/sign-out", "/preview/x/"),
        *("/tasks/../preview/x", "/?\n", "tasks", "", "/tasks/x#//evil"),
    ],
)
async def test_nobody_is_sent_anywhere_else(to: str, site: Site) -> None:
    assert way_back(to) == "/"
    answer = await site.sign_in(await site.token(), to)
    assert answer.status_code == 303 and answer.headers["location"] == "/"


async def test_whoever_comes_by_a_link_from_elsewhere_is_asked_a_second_time_and_only_once(site: Site) -> None:
    """The browser keeps its cookie to itself then; asked again by our own page, it shows it."""
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    first = await site.browser.get("/sign-in?to=/tasks/x", headers=elsewhere)
    assert 'http-equiv="refresh" content="0; url=/sign-in?again=1&amp;to=%2Ftasks%2Fx"' in first.text
    again = await site.browser.get("/sign-in?again=1&to=/tasks/x", headers=elsewhere)
    assert "refresh" not in again.text
    typed = await site.browser.get("/sign-in?to=/tasks/x", headers={"Sec-Fetch-Site": "none"})
    assert "refresh" not in typed.text


@pytest.mark.parametrize("host", ["evil.example", "honk:80@evil.example", 'a"><script>'])
async def test_the_host_header_decides_nothing(host: str, site: Site) -> None:
    await site.sign_in(await site.token())
    task = await site.world.ask()
    for path in ("/", "/tasks", f"/tasks/{task.id}", f"/tasks/{task.id[:10]}", "/tasks/", f"/tasks/{task.id}/", "/no"):
        answer = await site.browser.get(path, headers={"Host": host, "X-Forwarded-Host": host})
        assert "evil" not in answer.text + answer.headers.get("location", ""), path
        assert "<script>" not in answer.text


@pytest.mark.parametrize("form", ["nonce=%C3%A9&token=x", "&".join(f"a{number}=1" for number in range(30)), "%FF"])
@pytest.mark.parametrize("cookie", ["0" * 32, "é" * 32])
async def test_a_strange_form_is_one_that_was_not_filled_in_here(form: str, cookie: str, site: Site) -> None:
    headers = {"Cookie": f"honk-form={cookie}".encode("latin-1"), "Content-Type": "application/x-www-form-urlencoded"}
    for path, status in (("/sign-in", 403), ("/sign-out", 303)):
        answer = await site.browser.post(path, content=form, headers=headers)
        assert answer.status_code == status


async def test_a_large_form_is_not_read(site: Site) -> None:
    await site.browser.get("/sign-in")
    answer = await site.browser.post("/sign-in", data={"token": "x" * 100_000})
    assert answer.status_code == 403
