"""`Api` on the wire, against answers that GitHub documents: limits, redirects, broken connections, tokens.

https://docs.github.com/en/rest/using-the-rest-api
"""

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import anyio
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from structlog.testing import capture_logs

from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth, Auth, TokenAuth
from honk.adapters.github.credentials import GithubCredentials
from honk.adapters.github.trouble import Absent, GithubRefused, NotGranted, RateLimited
from honk.domain.repository import Repository
from honk.domain.text import Secret
from honk.errors import RepositoryUnusable, SettingsWrong, Unreachable

pytestmark = pytest.mark.anyio

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
KEY = rsa.generate_private_key(65537, 2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
).decode()
TOKEN = "ghp_canaryCanaryCanary"
APP = "/repos/acme/app"
GRANTED = {"contents": "write", "metadata": "read", "issues": "write", "pull_requests": "write"}


@dataclass
class Time:
    now: datetime = NOON
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> datetime:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += timedelta(seconds=seconds)


@dataclass
class Says:
    """One answer; `cut` closes the connection in place of it."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: Any

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass
class Server:
    """Answers each path with the next of its answers; the last one stays."""

    time: Time
    url: str = ""
    answers: dict[str, list[Says]] = field(default_factory=dict)
    seen: list[Seen] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    def says(self, method: str, path: str, *answers: Says) -> None:
        self.answers[f"{method} {path}"] = list(answers)

    def asked(self, method: str, path: str) -> list[Seen]:
        return [one for one in self.seen if one.method == method and one.path.partition("?")[0] == path]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await anyio.sleep(0)
            return await self.answer(request)
        finally:
            self.at_once -= 1

    async def answer(self, request: web.Request) -> web.StreamResponse:
        text = await request.text()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path_qs, headers, json.loads(text) if text else None))
        listed = self.answers.get(f"{request.method} {request.path_qs}") or self.answers.get(
            f"{request.method} {request.path}"
        )
        if not listed:
            return web.json_response({"message": "Not Found"}, status=404)
        says = listed.pop(0) if len(listed) > 1 else listed[0]
        if says.cut:
            assert request.transport is not None
            request.transport.abort()
        given = {"Date": format_datetime(self.time.now, usegmt=True), **says.headers}
        if isinstance(says.body, bytes):
            return web.Response(status=says.status, body=says.body, headers=given)
        if says.body is None:
            return web.Response(status=says.status, headers=given)
        return web.json_response(says.body, status=says.status, headers=given)


@dataclass
class World:
    server: Server
    time: Time
    api: Callable[[Auth], Api]

    def installed(self, **more: Any) -> None:
        """The App is installed on acme, with tokens that are numbered."""
        there = {"id": 5, "account": {"login": "acme"}, "permissions": GRANTED, **more}
        self.server.says("GET", f"{APP}/installation", Says(body=there))
        end = (self.time.now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
        tokens = [Says(201, {"token": f"ghs_{number}", "expires_at": end}) for number in range(1, 9)]
        self.server.says("POST", "/app/installations/5/access_tokens", *tokens)
        self.server.says("GET", "/app", Says(body={"slug": "honk-acme"}))


@pytest.fixture
async def world() -> AsyncIterator[World]:
    time, made = Time(), list[Api]()
    server = Server(time)
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", server.handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"

    def api(auth: Auth) -> Api:
        one = Api(api_url=server.url, web_url="https://github.com", auth=auth, clock=time, sleep=time.sleep)
        made.append(one)
        return one

    yield World(server, time, api)
    for one in made:
        await one.aclose()
    await runner.cleanup()


PERSON = TokenAuth(token=Secret(TOKEN))
HONK = AppAuth(app_id="17", private_key=Secret(PEM))


# What is asked, and how


async def test_every_request_names_the_version_and_the_sender(world: World) -> None:
    world.server.says("GET", APP, Says(body={"full_name": "acme/app"}))
    answer = await world.api(PERSON).get(APP)
    (seen,) = world.server.seen
    assert answer.json == {"full_name": "acme/app"} and answer.status == 200
    assert seen.headers["x-github-api-version"] == "2022-11-28" and seen.headers["user-agent"] == "Honk"
    assert seen.headers["accept"] == "application/vnd.github+json" and seen.token == TOKEN


async def test_a_server_that_does_not_know_the_version_is_asked_without_it(world: World) -> None:
    refusal = Says(400, {"message": "'2022-11-28' is not a supported version of the GitHub API"})
    world.server.says("GET", "/meta", refusal, Says(body={"installed_version": "3.9.1"}))
    assert await world.api(PERSON).version() == "3.9.1"
    assert "x-github-api-version" not in world.server.seen[-1].headers


async def test_what_did_not_change_comes_from_memory(world: World) -> None:
    api = world.api(PERSON)
    world.server.says("GET", APP, Says(body={"n": 1}, headers={"ETag": '"a"'}), Says(304))
    assert (await api.get(APP)).json == {"n": 1}
    assert (await api.get(APP)).json == {"n": 1}
    assert world.server.seen[-1].headers["if-none-match"] == '"a"'
    world.server.says("GET", APP, Says(body={"n": 2}, headers={"ETag": '"b"'}))
    assert (await api.get(APP)).json == {"n": 2}


async def test_a_full_page_may_have_got_another_behind_it_and_is_not_remembered(world: World) -> None:
    first, api = f"{APP}/issues", world.api(PERSON)
    full = Says(body=[{"n": n} for n in range(2)], headers={"ETag": '"a"'})
    world.server.says("GET", f"{first}?per_page=2", full)
    assert len(await api.pages(first, params={"per_page": 2})) == 2
    link = {"Link": f'<{world.server.url}{first}?per_page=2&page=2>; rel="next"', "ETag": '"a"'}
    world.server.says("GET", f"{first}?per_page=2", Says(body=full.body, headers=link))
    world.server.says("GET", f"{first}?per_page=2&page=2", Says(body=[{"n": 2}]))
    assert len(await api.pages(first, params={"per_page": 2})) == 3
    assert all("if-none-match" not in one.headers for one in world.server.seen)


async def test_pages_are_followed_to_their_end(world: World) -> None:
    first = f"{APP}/issues"
    link = {"Link": f'<{world.server.url}{first}?page=2>; rel="next", <{world.server.url}{first}?page=2>; rel="last"'}
    world.server.says("GET", f"{first}?per_page=100", Says(body=[{"n": 1}], headers=link))
    back = {"Link": f'<{world.server.url}{first}?page=1>; rel="prev"'}
    world.server.says("GET", f"{first}?page=2", Says(body=[{"n": 2}], headers=back))
    assert await world.api(PERSON).pages(first) == [{"n": 1}, {"n": 2}]


async def test_a_list_within_an_object_and_a_limit(world: World) -> None:
    found = {"total_count": 3, "check_runs": [{"id": 1}, {"id": 2}, {"id": 3}]}
    world.server.says("GET", f"{APP}/commits/abc/check-runs", Says(body=found))
    api = world.api(PERSON)
    assert await api.pages(f"{APP}/commits/abc/check-runs", key="check_runs", limit=2) == [{"id": 1}, {"id": 2}]
    assert "per_page=2" in world.server.seen[-1].path


async def test_a_next_page_elsewhere_is_refused_and_never_asked_for(world: World) -> None:
    link = {"Link": '<http://localhost:1/steal>; rel="next"'}
    world.server.says("GET", f"{APP}/issues", Says(body=[], headers=link))
    with pytest.raises(GithubRefused, match="next page is not at"):
        await world.api(PERSON).pages(f"{APP}/issues")


async def test_an_enterprise_server_has_its_graphql_beside_its_rest(world: World) -> None:
    world.server.says("POST", "/api/graphql", Says(body={"data": {"x": 1}}))
    world.server.says("GET", f"/api/v3{APP}", Says(body={"n": 1}))
    here = f"{world.server.url}/api/v3"
    async with Api(api_url=here, web_url=world.server.url, auth=PERSON, clock=world.time) as api:
        assert await api.graphql("mutation { x }", {"a": 1}, of="acme/app") == {"x": 1}
        assert (await api.get(APP)).json == {"n": 1}
    assert world.server.seen[0].body == {"query": "mutation { x }", "variables": {"a": 1}}


# Limits


async def test_a_short_limit_is_waited_out_and_said_once(world: World) -> None:
    world.server.says("GET", APP, Says(429, {"message": "slow"}, {"Retry-After": "7"}), Says(body={}))
    with capture_logs() as logs:
        assert (await world.api(PERSON).get(APP)).status == 200
    assert world.time.slept == [7.0]
    assert [one["name"] for one in logs] == ["github.limited"] and TOKEN not in str(logs)


async def test_a_retry_after_that_is_a_date(world: World) -> None:
    after = {"Retry-After": format_datetime(world.time.now + timedelta(seconds=20), usegmt=True)}
    world.server.says("GET", APP, Says(403, {"message": "slow"}, after), Says(body={}))
    await world.api(PERSON).get(APP)
    assert world.time.slept == [20.0]


async def test_a_long_limit_is_an_error_that_knows_its_end(world: World) -> None:
    reset = world.time.now + timedelta(minutes=30)
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(reset.timestamp()))}
    world.server.says("GET", APP, Says(403, {"message": "API rate limit exceeded"}, used_up))
    api = world.api(PERSON)
    with pytest.raises(RateLimited) as caught:
        await api.get(APP)
    assert caught.value.until == reset and world.time.slept == []
    with pytest.raises(RateLimited):
        await api.get(f"{APP}/pulls")
    assert len(world.server.seen) == 1


async def test_the_clock_of_the_server_counts_for_its_times(world: World) -> None:
    there = world.time.now + timedelta(hours=3)
    used_up = {
        "Date": format_datetime(there, usegmt=True),
        "X-RateLimit-Remaining": "0",
        "X-RateLimit-Reset": str(int(there.timestamp()) + 9),
    }
    world.server.says("GET", APP, Says(403, {"message": "API rate limit exceeded"}, used_up), Says(body={}))
    await world.api(PERSON).get(APP)
    assert world.time.slept == [9.0]


async def test_the_last_request_of_a_limit_holds_back_the_next_one(world: World) -> None:
    soon = str(int(world.time.now.timestamp()) + 11)
    world.server.says("GET", APP, Says(body={}, headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": soon}))
    api = world.api(PERSON)
    await api.get(APP)
    world.server.says("GET", APP, Says(body={}))
    await api.get(APP)
    assert world.time.slept == [11.0]


async def test_a_secondary_limit_without_a_time_is_waited_for_a_minute(world: World) -> None:
    said = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}
    world.server.says("POST", f"{APP}/issues/1/comments", Says(403, said), Says(201, {"id": 1}))
    assert (await world.api(PERSON).send("POST", f"{APP}/issues/1/comments", {"body": "x"})).json == {"id": 1}
    assert world.time.slept == [60.0]


async def test_a_limit_that_does_not_end_is_given_up(world: World) -> None:
    world.server.says("GET", APP, Says(429, {"message": "slow"}, {"Retry-After": "5"}))
    with pytest.raises(RateLimited):
        await world.api(PERSON).get(APP)
    assert len(world.server.seen) == 4


async def test_graphql_says_its_limit_in_the_body(world: World) -> None:
    over = {"errors": [{"type": "RATE_LIMITED", "message": "API rate limit exceeded"}]}
    soon = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(world.time.now.timestamp()) + 5)}
    world.server.says("POST", "/graphql", Says(200, over, soon), Says(body={"data": {"x": 1}}))
    assert await world.api(PERSON).graphql("query { x }", {}) == {"x": 1}
    assert world.time.slept == [5.0]


async def test_content_is_made_at_githubs_pace(world: World) -> None:
    world.server.says("POST", f"{APP}/issues/1/comments", Says(201, {"id": 1}))
    world.server.says("PATCH", f"{APP}/issues/1", Says(200, {}))
    api = world.api(PERSON)
    for _ in range(82):
        await api.send("POST", f"{APP}/issues/1/comments", {"body": "x"})
    assert world.time.slept == [1.0] * 81
    before = len(world.time.slept)
    await api.send("PATCH", f"{APP}/issues/1", {"state": "closed"})
    assert len(world.time.slept) == before
    with pytest.raises(RateLimited):
        for _ in range(500):
            await api.send("POST", f"{APP}/issues/1/comments", {"body": "x"})
    assert len(world.server.asked("POST", f"{APP}/issues/1/comments")) == 500


# What is repeated, and what never is


async def test_reading_is_repeated(world: World) -> None:
    world.server.says("GET", APP, Says(502, b"<html>"), Says(cut=True), Says(body={"n": 1}))
    assert (await world.api(PERSON).get(APP)).json == {"n": 1}
    assert len(world.time.slept) == 2


@pytest.mark.parametrize("trouble", [Says(502), Says(cut=True)])
async def test_a_post_that_may_have_arrived_is_never_sent_again(world: World, trouble: Says) -> None:
    world.server.says("POST", f"{APP}/pulls", trouble, Says(201, {}))
    with pytest.raises(Unreachable, match="POST /repos/acme/app/pulls"):
        await world.api(PERSON).send("POST", f"{APP}/pulls", {})
    assert len(world.server.seen) == 1


async def test_a_merge_is_not_repeated_and_an_update_is(world: World) -> None:
    world.server.says("PUT", f"{APP}/pulls/1/merge", Says(502))
    world.server.says("PATCH", f"{APP}/pulls/1", Says(502), Says(200, {"n": 1}))
    api = world.api(PERSON)
    with pytest.raises(Unreachable):
        await api.send("PUT", f"{APP}/pulls/1/merge", {})
    assert len(world.server.seen) == 1
    assert (await api.send("PATCH", f"{APP}/pulls/1", {})).json == {"n": 1}


async def test_what_a_cut_off_delete_removed_is_removed(world: World) -> None:
    world.server.says("DELETE", f"{APP}/git/refs/heads/x", Says(cut=True), Says(404, {"message": "Not Found"}))
    assert (await world.api(PERSON).send("DELETE", f"{APP}/git/refs/heads/x")).status == 204


async def test_a_server_that_is_not_there(world: World) -> None:
    api = Api(api_url="http://127.0.0.1:1", web_url="http://x", auth=PERSON, clock=world.time, sleep=world.time.sleep)
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1"):
        await api.send("POST", f"{APP}/pulls", {})
    assert len(world.time.slept) == 3
    await api.aclose()


# Repositories that moved


@pytest.mark.parametrize("status", [301, 307, 308])
async def test_a_renamed_repository_is_followed_and_remembered(world: World, status: int) -> None:
    for method in ("GET", "PATCH"):
        to = {"Location": f"{world.server.url}/repositories/7/pulls/1"}
        world.server.says(method, "/repos/acme/old/pulls/1", Says(status, {"message": "Moved"}, to))
        world.server.says(method, "/repositories/7/pulls/1", Says(body={"n": 1}))
    world.server.says("GET", "/repositories/7", Says(body={"full_name": "acme/new"}))
    api = world.api(PERSON)
    assert (await api.get("/repos/acme/Old/pulls/1".replace("Old", "old"))).json == {"n": 1}
    assert api.renamed == {"acme/old": "acme/new"}
    assert (await api.send("PATCH", "/repos/acme/old/pulls/1", {"title": "x"})).json == {"n": 1}
    assert world.server.asked("PATCH", "/repositories/7/pulls/1")[0].body == {"title": "x"}


async def test_a_redirect_to_another_server_is_refused(world: World) -> None:
    world.server.says("GET", APP, Says(301, None, {"Location": "http://localhost:1/repos/acme/app"}))
    with pytest.raises(GithubRefused, match="another server"):
        await world.api(PERSON).get(APP)


async def test_a_circle_of_redirects_ends(world: World) -> None:
    world.server.says("GET", APP, Says(301, None, {"Location": APP}))
    with pytest.raises(GithubRefused, match="from place to place"):
        await world.api(PERSON).get(APP)


# Refusals


async def test_a_refusal_has_its_facts(world: World) -> None:
    errors = [{"resource": "PullRequest", "code": "custom", "message": "A pull request already exists for acme:x."}]
    world.server.says("POST", f"{APP}/pulls", Says(422, {"message": "Validation Failed", "errors": errors}))
    with pytest.raises(GithubRefused) as caught:
        await world.api(PERSON).send("POST", f"{APP}/pulls", {})
    error = caught.value
    assert (error.status, error.said) == (422, "Validation Failed")
    assert error.errors == ("A pull request already exists for acme:x.",)


async def test_a_missing_permission_is_named(world: World) -> None:
    said = {"message": "Resource not accessible by personal access token"}
    needs = {"X-Accepted-GitHub-Permissions": "issues=write; pull_requests=write"}
    world.server.says("POST", f"{APP}/issues/1/comments", Says(403, said, needs))
    with pytest.raises(GithubRefused) as caught:
        await world.api(PERSON).send("POST", f"{APP}/issues/1/comments", {"body": "x"})
    assert "issues: write or pull_requests: write" in caught.value.remedy


async def test_single_sign_on_says_where(world: World) -> None:
    said = {"message": "Resource protected by organization SAML enforcement."}
    for url, shown in (("https://github.com/orgs/acme/sso?x=1", True), ("https://evil.example/sso", False)):
        world.server.says("GET", APP, Says(403, said, {"X-GitHub-SSO": f"required; url={url}"}))
        with pytest.raises(GithubRefused) as caught:
            await world.api(PERSON).get(APP)
        assert "single sign-on" in caught.value.remedy and (url in caught.value.remedy) is shown


async def test_graphql_errors_are_refusals_also_beside_data(world: World) -> None:
    for kind, expected in (("NOT_FOUND", Absent), ("FORBIDDEN", GithubRefused), ("UNPROCESSABLE", GithubRefused)):
        body = {"data": {"x": None}, "errors": [{"type": kind, "message": f"no: {kind}"}]}
        world.server.says("POST", "/graphql", Says(200, body))
        with pytest.raises(expected, match="no:"):
            await world.api(PERSON).graphql("query { x }", {})


async def test_a_token_with_a_line_break_is_not_shown_by_the_error(world: World) -> None:
    with pytest.raises(SettingsWrong) as caught:
        await world.api(TokenAuth(token=Secret(f"{TOKEN}\n"))).get(APP)
    assert TOKEN not in str(caught.value) and TOKEN not in repr(caught.value)


# Downloads


async def test_a_download_is_followed_without_the_token(world: World, tmp_path: Path) -> None:
    there = world.server.url.replace("127.0.0.1", "localhost") + "/store/x?sig=1"
    world.server.says("GET", f"{APP}/actions/artifacts/7/zip", Says(302, None, {"Location": there}))
    world.server.says("GET", "/store/x", Says(200, b"zip" * 1000))
    await world.api(PERSON).download(f"{APP}/actions/artifacts/7/zip", tmp_path / "x", limit=3000)
    assert (tmp_path / "x").read_bytes() == b"zip" * 1000
    first, second = world.server.seen
    assert first.token == TOKEN and "authorization" not in second.headers


async def test_a_download_beyond_the_limit_leaves_nothing(world: World, tmp_path: Path) -> None:
    world.server.says("GET", f"{APP}/x", Says(200, b"zip" * 1000))
    with pytest.raises(GithubRefused, match="more than 2999 bytes"):
        await world.api(PERSON).download(f"{APP}/x", tmp_path / "x", limit=2999)
    assert not (tmp_path / "x").exists()


async def test_a_download_that_is_gone(world: World, tmp_path: Path) -> None:
    world.server.says("GET", f"{APP}/x", Says(410, {"message": "Artifact has expired"}))
    with pytest.raises(Absent):
        await world.api(PERSON).download(f"{APP}/x", tmp_path / "x", limit=10)


async def test_a_download_waits_and_is_tried_again(world: World, tmp_path: Path) -> None:
    troubles = (Says(429, {"message": "slow"}, {"Retry-After": "7"}), Says(502), Says(cut=True))
    world.server.says("GET", f"{APP}/x", *troubles, Says(200, b"zip"))
    await world.api(PERSON).download(f"{APP}/x", tmp_path / "x", limit=10)
    assert (tmp_path / "x").read_bytes() == b"zip" and world.time.slept[0] == 7.0


async def test_a_download_with_a_token_that_was_revoked(world: World, tmp_path: Path) -> None:
    world.installed()
    world.server.says("GET", f"{APP}/x", Says(401, {"message": "Bad credentials"}), Says(200, b"zip"))
    await world.api(HONK).download(f"{APP}/x", tmp_path / "x", limit=10)
    assert [one.token for one in world.server.asked("GET", f"{APP}/x")] == ["ghs_1", "ghs_2"]


async def test_a_store_that_refuses_learns_and_tells_nothing(world: World, tmp_path: Path) -> None:
    there = world.server.url.replace("127.0.0.1", "localhost") + "/store/x?sig=canary"
    world.server.says("GET", f"{APP}/x", Says(302, None, {"Location": there}))
    world.server.says("GET", "/store/x", Says(403, b"<Error>canary</Error>"))
    with pytest.raises(GithubRefused) as caught:
        await world.api(PERSON).download(f"{APP}/x", tmp_path / "x", limit=10)
    assert "canary" not in str(caught.value) and not (tmp_path / "x").exists()


# The GitHub App


async def test_a_token_is_minted_for_the_repository_and_the_purpose_and_kept(world: World) -> None:
    world.installed()
    world.server.says("GET", APP, Says(body={}))
    world.server.says("POST", f"{APP}/issues/1/comments", Says(201, {}))
    api = world.api(HONK)
    await api.get(APP)
    await api.get(APP)
    await api.send("POST", f"{APP}/issues/1/comments", {"body": "x"})
    reading, talking = world.server.asked("POST", "/app/installations/5/access_tokens")
    assert reading.body["repositories"] == ["app"]
    assert set(reading.body["permissions"].values()) == {"read"}
    assert talking.body["permissions"] == {
        "metadata": "read",
        "contents": "read",
        "issues": "write",
        "pull_requests": "write",
    }
    assert [one.token for one in world.server.asked("GET", APP)] == ["ghs_1", "ghs_1"]
    claims = jwt.decode(reading.token, KEY.public_key(), algorithms=["RS256"], options={"verify_exp": False})
    assert claims["iss"] == "17" and claims["exp"] - claims["iat"] <= 600


async def test_many_at_once_share_one_token(world: World) -> None:
    world.installed()
    world.server.says("GET", APP, Says(body={}))
    api = world.api(HONK)
    async with anyio.create_task_group() as group:
        for _ in range(50):
            group.start_soon(api.get, APP)
    assert len(world.server.asked("POST", "/app/installations/5/access_tokens")) == 1
    assert len(world.server.asked("GET", APP)) == 50


async def test_writes_of_one_account_go_one_at_a_time(world: World) -> None:
    world.server.says("PATCH", f"{APP}/issues/1", Says(body={}))
    api = world.api(PERSON)
    async with anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(api.send, "PATCH", f"{APP}/issues/1", {})
    assert world.server.most_at_once == 1


async def test_a_token_near_its_end_is_not_used(world: World) -> None:
    world.installed()
    world.server.says("GET", APP, Says(body={}))
    api = world.api(HONK)
    await api.get(APP)
    world.time.now += timedelta(minutes=56)
    world.installed()
    await api.get(APP)
    assert len(world.server.asked("POST", "/app/installations/5/access_tokens")) == 2


async def test_an_odd_expiry_is_no_trouble(world: World) -> None:
    world.installed()
    for odd in ("2026-11-21T13:00:00.123Z", "soon", None):
        world.server.says(
            "POST", "/app/installations/5/access_tokens", Says(201, {"token": "ghs_1", "expires_at": odd})
        )
        world.server.says("GET", APP, Says(body={}))
        await world.api(HONK).get(APP)


async def test_a_wrong_clock_here_is_noticed(world: World) -> None:
    world.installed()
    world.server.says("GET", APP, Says(body={}))
    there = {"Date": format_datetime(world.time.now + timedelta(hours=2), usegmt=True)}
    said = {"message": "'Expiration time' claim ('exp') must be a numeric value representing the future time"}
    (works,) = world.server.answers[f"GET {APP}/installation"]
    world.server.says("GET", f"{APP}/installation", Says(401, said, there), works)
    await world.api(HONK).get(APP)
    first, second = world.server.asked("GET", f"{APP}/installation")
    claims = [jwt.decode(one.token, options={"verify_signature": False}) for one in (first, second)]
    assert claims[1]["iat"] - claims[0]["iat"] == 7200


async def test_an_app_that_is_not_installed(world: World) -> None:
    world.server.says("GET", "/app", Says(body={"slug": "honk-acme"}))
    with pytest.raises(RepositoryUnusable, match="not installed on acme/app") as caught:
        await world.api(HONK).get(APP)
    assert "https://github.com/apps/honk-acme/installations/new" in caught.value.remedy


async def test_a_suspended_installation(world: World) -> None:
    world.installed(suspended_at="2026-11-20T00:00:00Z", suspended_by={"login": "ada"})
    with pytest.raises(RepositoryUnusable, match="suspended by ada"):
        await world.api(HONK).get(APP)


async def test_an_app_removed_in_the_middle_is_not_taken_for_nothing_there(world: World) -> None:
    world.installed()
    world.server.says("GET", f"{APP}/pulls/1", Says(body={}), Says(404, {"message": "Not Found"}))
    api = world.api(HONK)
    await api.get(f"{APP}/pulls/1")
    world.server.says("GET", f"{APP}/installation", Says(404, {"message": "Not Found"}))
    with pytest.raises(RepositoryUnusable, match="not installed"):
        await api.get(f"{APP}/pulls/1")


async def test_a_revoked_token_is_replaced_once(world: World) -> None:
    world.installed()
    world.server.says("GET", APP, Says(body={}), Says(401, {"message": "Bad credentials"}), Says(body={"n": 2}))
    api = world.api(HONK)
    await api.get(APP)
    assert (await api.get(APP)).json == {"n": 2}
    assert [one.token for one in world.server.asked("GET", APP)] == ["ghs_1", "ghs_1", "ghs_2"]


async def test_a_permission_granted_meanwhile_counts(world: World) -> None:
    world.installed(permissions={"metadata": "read"})
    world.server.says("POST", f"{APP}/check-runs", Says(201, {}))
    api = world.api(HONK)
    with pytest.raises(NotGranted, match="checks: write"):
        await api.send("POST", f"{APP}/check-runs", {})
    world.installed(permissions={"metadata": "read", "checks": "write"})
    assert (await api.send("POST", f"{APP}/check-runs", {})).status == 201


async def test_an_installation_made_anew_is_found(world: World) -> None:
    world.installed()
    world.server.says("GET", APP, Says(body={}))
    world.server.says("POST", f"{APP}/pulls", Says(201, {}))
    api = world.api(HONK)
    await api.get(APP)
    world.server.says("POST", "/app/installations/5/access_tokens", Says(404, {"message": "Not Found"}))
    world.server.says("GET", f"{APP}/installation", Says(body={"id": 6, "permissions": GRANTED}))
    world.server.says("POST", "/app/installations/6/access_tokens", Says(201, {"token": "ghs_x"}))
    await api.send("POST", f"{APP}/pulls", {})
    assert world.server.seen[-1].token == "ghs_x"


async def test_a_key_that_is_none(world: World) -> None:
    with pytest.raises(SettingsWrong, match="no RSA key"):
        await world.api(AppAuth(app_id="17", private_key=Secret("canary"))).get(APP)


async def test_a_person_acts_with_their_own_token(world: World) -> None:
    world.installed()
    world.server.says("POST", f"{APP}/pulls", Says(201, {}))
    await world.api(HONK).send("POST", f"{APP}/pulls", {}, as_user=Secret("ghu_ada"))
    assert [one.token for one in world.server.seen] == ["ghu_ada"]


# Credentials for git


async def test_a_push_has_a_token_of_its_own_that_ends_with_it(world: World) -> None:
    world.installed()
    world.server.says("DELETE", "/installation/token", Says(204))
    credentials = GithubCredentials(world.api(HONK), Addresses("https://github.com"))
    repository = Repository(url="https://github.com/acme/app.git", name="app", key="app-1")
    reading = await credentials.lent(repository, writes=False)
    writing = await credentials.lent(repository, writes=True)
    assert reading is not None and writing is not None
    assert (writing.origin, writing.username) == ("https://github.com", "x-access-token")
    bodies = [one.body["permissions"] for one in world.server.asked("POST", "/app/installations/5/access_tokens")]
    assert bodies == [{"metadata": "read", "contents": "read"}, {"metadata": "read", "contents": "write"}]
    await credentials.returned(reading)
    assert world.server.asked("DELETE", "/installation/token") == []
    await credentials.returned(writing)
    assert [one.token for one in world.server.asked("DELETE", "/installation/token")] == ["ghs_2"]


@pytest.mark.parametrize(
    "url", ["git@github.com:acme/app.git", "http://github.com/acme/app", "https://git.example/a/b"]
)
async def test_nothing_is_lent_for_other_ways(world: World, url: str) -> None:
    credentials = GithubCredentials(world.api(PERSON), Addresses("https://github.com"))
    assert await credentials.lent(Repository(url=url, name="app", key="k"), writes=True) is None


async def test_a_personal_token_is_lent_and_never_revoked(world: World) -> None:
    credentials = GithubCredentials(world.api(PERSON), Addresses("https://github.com"))
    lent = await credentials.lent(Repository(url="https://github.com/acme/app", name="app", key="k"), writes=True)
    assert lent is not None and lent.password.reveal() == TOKEN and TOKEN not in repr(lent)
    await credentials.returned(lent)
    assert world.server.seen == []


async def test_a_push_that_was_not_granted_names_the_permission(world: World) -> None:
    world.installed(permissions={"contents": "read"})
    credentials = GithubCredentials(world.api(HONK), Addresses("https://github.com"))
    with pytest.raises(RepositoryUnusable, match="contents: write"):
        await credentials.lent(Repository(url="https://github.com/acme/app", name="app", key="k"), writes=True)
