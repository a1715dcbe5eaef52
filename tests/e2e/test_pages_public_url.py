"""`public_url` through the real command: every link begins with it, and whoever cannot follow one is told why."""

import json
import re
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from run_world import Honk, world
from serve_world import RELEASED, Server, server

pytestmark = [pytest.mark.anyio, pytest.mark.e2e, pytest.mark.sandbox]


@pytest.fixture
def honk() -> Iterator[Honk]:
    with world() as made:
        yield made


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def set_public_url(honk: Honk, public_url: str) -> None:
    honk.home.mkdir(parents=True, exist_ok=True)
    (honk.home / "honk.toml").write_text(f'public_url = "{public_url}"\n' if public_url else "")


async def public_address(honk: Honk) -> dict[str, Any]:
    """What the doctor says of it."""
    done = await honk("doctor", "--json")
    return next(one for one in map(json.loads, done.out.splitlines()) if one["name"] == "public address")


async def card(honk: Honk) -> dict[str, Any]:
    done = await honk("show", "last", "--json")
    shown: dict[str, Any] = json.loads(done.out)
    return shown


@asynccontextmanager
async def signed_in(at: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of somebody who typed the token."""
    async with httpx.AsyncClient(base_url=at.url) as browser:
        form = await browser.get("/sign-in")
        nonce = re.search(r'name="nonce" value="(\w+)"', form.text)
        assert nonce is not None
        await browser.post("/sign-in", data={"nonce": nonce[1], "token": at.token})
        yield browser


@pytest.mark.slow
async def test_every_link_begins_with_public_url_and_the_doctor_knows_this_server(honk: Honk) -> None:
    port = free_port()
    public = f"http://localhost:{port}"
    set_public_url(honk, public)
    target = honk.root / "target.git"
    honk.git(honk.root, "clone", "-q", "--bare", str(honk.repository(RELEASED)), str(target))
    async with server(honk, "--port", str(port)) as at:
        settled = (await honk.change(target, "echo la la >> song.txt")).settled
        assert settled["build"]["preview_url"].startswith(f"{public}/preview/")
        shown = await card(honk)
        assert shown["page_url"] == f"{public}/tasks/{shown['task']}"
        assert shown["pull_request"]["url"] == f"{shown['page_url']}/pull-request"
        merged = (await honk("merge", "last", "--json")).settled
        assert merged["state"] == "deployed", merged
        assert merged["production_url"].startswith(f"{public}/live/")
        # It is this server that answers, and for a phone that name is the phone itself.
        found = await public_address(honk)
        assert not found["ok"] and "this machine itself" in found["detail"]
        assert "this machine itself" in (await card(honk))["hint"]
        assert "this machine itself" in (await honk("show", "last")).out
        async with signed_in(at) as browser:
            page = await browser.get(f"/tasks/{shown['task']}", headers={"Host": "evil.example"})
            assert page.status_code == 200 and "this machine itself" in page.text
            assert f"{public}/live/" in page.text and "evil" not in page.text
            forged = await browser.get("/healthz", params={"nonce": "0" * 32})
            assert forged.json()["honk"] == ""


@pytest.mark.slow
async def test_without_it_cards_say_that_a_phone_cannot_follow(honk: Honk) -> None:
    async with server(honk) as at:
        done = await honk.change(honk.repository(RELEASED), "echo la la >> song.txt")
        ready = next(event for event in done.events if event["event"] == "build.ready")
        assert ready["data"]["preview_url"].startswith(at.url) and "set public_url" in ready["data"]["hint"]
        assert "set public_url" in (await card(honk))["hint"]
        assert "public_url is not set" in (await public_address(honk))["detail"]
    shown = await card(honk)
    assert (shown["build"]["preview_url"], shown["page_url"], shown["hint"]) == (None, None, "to see it: honk serve")
    assert "to see it: honk serve" in (await honk("show", "last")).out


async def test_the_doctor_says_that_no_server_runs(honk: Honk) -> None:
    set_public_url(honk, f"http://localhost:{free_port()}")
    found = await public_address(honk)
    assert (
        not found["ok"] and not found["required"] and "refused" in found["detail"] and "honk serve" in found["remedy"]
    )
