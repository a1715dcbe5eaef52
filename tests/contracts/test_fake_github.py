"""Whom the fake GitHub lets in, what its repositories do, its limits and its web flows."""

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlparse

import jwt
import pytest

from contracts.hub_world import Hub, P, assertion, hub_world
from partners.github_openapi import answer_faults, check_requests, request_faults

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_world(tmp_path) as world:
        yield world


async def test_an_app_is_known_by_its_jwt(hub: Hub) -> None:
    good = assertion(hub.app)
    assert (await hub.get("/app", token=good))["slug"] == "honk"
    assert (await hub.get("/app", token=assertion(hub.app, iss=hub.app.client_id)))["id"] == hub.app.id
    other = hub.fake.world.app("other")
    forged = jwt.encode({**jwt.decode(good, options={"verify_signature": False})}, other.private_key, "RS256")
    for wrong in (forged, assertion(hub.app, exp=1), assertion(hub.app, exp=99_999_999_999), "a.b.c"):
        assert (await hub.refused("GET", "/app", token=wrong))[0] == 401
    assert (await hub.refused("GET", "/app", token=assertion(hub.app, iss="7")))[0] == 404
    assert (await hub.refused("GET", "/app"))[0] == 401
    assert (await hub.refused("GET", P, token=good))[0] == 404
    assert [one["id"] for one in await hub.get("/app/installations", token=good)] == [hub.installation.id]
    assert (await hub.get(f"{P}/installation", token=good))["app_slug"] == "honk"
    assert (await hub.get("/orgs/acme/installation", token=good))["account"]["login"] == "acme"
    assert (await hub.get(f"/app/installations/{hub.installation.id}", token=good))["target_type"] == "Organization"


async def test_tokens_are_narrowed(hub: Hub) -> None:
    world, good = hub.fake.world, assertion(hub.app)
    world.repository("acme/other")
    path = f"/app/installations/{hub.installation.id}/access_tokens"
    narrow = {"repositories": ["app"], "permissions": {"contents": "read"}}
    made = await hub.post(path, narrow, token=good)
    assert made["repository_selection"] == "selected"
    assert [one["full_name"] for one in made["repositories"]] == ["acme/app"]
    token = made["token"]
    assert (await hub.get("/installation/repositories", token=token))["total_count"] == 1
    await hub.get(f"{P}/branches/main", token=token)
    assert (await hub.refused("GET", "/repos/acme/other", token=token))[0] == 404
    status, words = await hub.refused("GET", f"{P}/pulls", token=token)
    assert (status, words) == (403, "Resource not accessible by integration")
    for more in ({"permissions": {"administration": "write"}}, {"repositories": ["nothing"]}):
        assert (await hub.refused("POST", path, more, token=good))[0] == 422
    assert (await hub.call("DELETE", "/installation/token", token=token)).status == 204
    assert (await hub.refused("GET", P, token=token)) == (401, "Bad credentials")


async def test_suspended_and_removed(hub: Hub) -> None:
    world, good = hub.fake.world, assertion(hub.app)
    path = f"/app/installations/{hub.installation.id}/access_tokens"
    world.suspend(hub.installation)
    assert (await hub.refused("POST", path, token=good))[0] == 403
    assert (await hub.refused("GET", P))[0] == 403
    world.suspend(hub.installation, back=True)
    hub.installation.permissions["pull_requests"] = "read"
    assert (await hub.refused("POST", f"{P}/pulls", {"title": "x", "head": "a", "base": "main"}))[0] == 403
    world.uninstall(hub.installation)
    assert (await hub.refused("POST", path, token=good))[0] == 404
    assert (await hub.refused("GET", P))[0] == 401


async def test_what_people_may(hub: Hub) -> None:
    world = hub.fake.world
    ada, ben, eve = (world.personal_token(one) for one in ("ada", "ben", "eve"))
    me = await hub.call("GET", "/user", token=ada)
    assert (me.json["login"], me.headers["x-oauth-scopes"]) == ("ada", "repo, workflow")
    assert (await hub.refused("GET", P, token="ghp_none"))[0] == 401
    assert (await hub.refused("GET", P, token=eve))[0] == 404
    assert (await hub.refused("GET", P, token=""))[0] == 404
    assert (await hub.get(P, token=ben))["permissions"]["push"] is False
    assert (await hub.get(P, token=ada))["allow_squash_merge"] is True
    sha = hub.repo.bare.branch("main")
    new = {"ref": "refs/heads/new", "sha": sha}
    assert (await hub.refused("POST", f"{P}/git/refs", new, token=ben))[0] == 403
    await hub.post(f"{P}/git/refs", new, token=ada)
    check = {"name": "x", "head_sha": sha}
    assert (await hub.refused("POST", f"{P}/check-runs", check, token=ada))[0] == 403
    assert (await hub.get(f"{P}/collaborators/ada/permission"))["role_name"] == "write"
    assert (await hub.get(f"{P}/collaborators/eve/permission"))["permission"] == "none"
    assert (await hub.call("GET", f"{P}/collaborators/ben")).status == 204
    assert (await hub.refused("GET", f"{P}/collaborators/eve"))[0] == 404
    hub.repo.owner.sso = True
    sso = await hub.call("GET", P, token=ada)
    assert sso.status == 403 and sso.headers["x-github-sso"].startswith("required; url=")
    await hub.get(P, token=world.personal_token("ada", sso=["acme"]))


async def test_public_archived_renamed(hub: Hub) -> None:
    world = hub.fake.world
    world.repository("bob/open", private=False)
    assert (await hub.get("/repos/bob/open", token=""))["visibility"] == "public"
    await hub.get("/repos/bob/open/issues")
    status, words = await hub.refused("POST", "/repos/bob/open/issues", {"title": "x"})
    assert (status, words) == (403, "Resource not accessible by integration")
    world.rename(hub.repo, "acme/renamed")
    moved = await hub.call("GET", f"{P}/branches/main")
    assert moved.status == 301 and moved.json["url"] == moved.headers["location"]
    assert (await hub.get(moved.json["url"]))["name"] == "main"
    assert (await hub.call("POST", f"{P}/issues", {"title": "x"})).status == 307
    world.archive(hub.repo)
    assert await hub.refused("POST", "/repos/acme/renamed/issues", {"title": "x"}) == (
        403,
        "Repository was archived so is read-only.",
    )


async def test_git_objects_are_real(hub: Hub) -> None:
    main = (await hub.get(f"{P}/git/ref/heads/main"))["object"]["sha"]
    blob = await hub.post(f"{P}/git/blobs", {"content": base64.b64encode(b"\x00\xff").decode(), "encoding": "base64"})
    entry = {"path": "deep/b.bin", "mode": "100644", "type": "blob", "sha": blob["sha"]}
    gone = {"path": "a.txt", "mode": "100644", "type": "blob", "sha": None}
    base = (await hub.get(f"{P}/git/commits/{main}"))["tree"]["sha"]
    tree = await hub.post(f"{P}/git/trees", {"base_tree": base, "tree": [entry, gone]})
    body = {"message": "Change", "tree": tree["sha"], "parents": [main]}
    signed = await hub.post(f"{P}/git/commits", body)
    assert signed["verification"]["verified"] and signed["committer"]["name"] == "GitHub"
    who = {"name": "Ada", "email": "ada@example.org", "date": "2026-11-20T08:00:00Z"}
    plain = await hub.post(f"{P}/git/commits", {**body, "author": who})
    assert not plain["verification"]["verified"] and plain["author"]["date"] == who["date"]
    await hub.post(f"{P}/git/refs", {"ref": "refs/heads/honk/one", "sha": signed["sha"]})
    exists = await hub.refused("POST", f"{P}/git/refs", {"ref": "refs/heads/honk/one", "sha": main})
    assert exists == (422, "Reference already exists")
    moved = await hub.refused("PATCH", f"{P}/git/refs/heads/honk/one", {"sha": plain["sha"]})
    assert moved == (422, "Update is not a fast forward")
    forced = {"sha": plain["sha"], "force": True}
    assert (await hub.call("PATCH", f"{P}/git/refs/heads/honk/one", forced)).status == 200
    listed = await hub.get(f"{P}/git/trees/honk/one", params={"recursive": "1"})
    assert "deep/b.bin" in [one["path"] for one in listed["tree"]]
    file = await hub.get(f"{P}/contents/deep/b.bin", params={"ref": "honk/one"})
    assert base64.b64decode(file["content"]) == b"\x00\xff"
    assert {one["name"] for one in await hub.get(f"{P}/contents")} >= {"README.md", ".github"}
    assert (await hub.refused("GET", f"{P}/contents/no.md"))[0] == 404
    compared = await hub.get(f"{P}/compare/main...honk/one")
    assert (compared["status"], compared["ahead_by"], len(compared["files"])) == ("ahead", 1, 2)
    assert (await hub.get(f"{P}/commits/honk/one"))["sha"] == plain["sha"]
    assert (await hub.refused("GET", f"{P}/commits/nothing"))[0] == 422
    assert len(await hub.get(f"{P}/commits", params={"sha": "honk/one"})) == 2
    assert [one["name"] for one in await hub.get(f"{P}/branches")] == ["honk/one", "main"]
    assert (await hub.call("DELETE", f"{P}/git/refs/heads/honk/one")).status == 204
    assert (await hub.refused("DELETE", f"{P}/git/refs/heads/honk/one"))[0] == 422


async def test_protected_branches(hub: Hub) -> None:
    world = hub.fake.world
    assert await hub.refused("GET", f"{P}/branches/main/protection") == (404, "Branch not protected")
    world.protect(hub.repo, checks=["build"], strict=True, signatures=True)
    world.ruleset(hub.repo, checks=["lint"], reviews=2, queue="squash", signatures=True)
    assert (await hub.get(f"{P}/branches/main"))["protected"] is True
    required = await hub.get(f"{P}/branches/main/protection/required_status_checks")
    assert (required["contexts"], required["strict"]) == (["build"], True)
    assert (await hub.get(f"{P}/branches/main/protection/required_signatures"))["enabled"] is True
    assert (await hub.get(f"{P}/branches/main/protection"))["required_signatures"]["enabled"] is True
    rules = {one["type"]: one.get("parameters") for one in await hub.get(f"{P}/rules/branches/main")}
    assert rules["required_status_checks"]["required_status_checks"] == [{"context": "lint"}]
    assert rules["pull_request"]["required_approving_review_count"] == 2
    assert rules["merge_queue"]["merge_method"] == "SQUASH" and "required_signatures" in rules
    status, words = await hub.refused("DELETE", f"{P}/git/refs/heads/main")
    assert status == 422 and "Cannot delete this branch" in words


async def _git(*argv: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec("git", *argv, stdout=-1, stderr=-1)
    out, said = await process.communicate()
    assert process.returncode is not None
    return process.returncode, (out + said).decode()


async def test_git_over_http(hub: Hub, tmp_path: Path) -> None:
    world, url = hub.fake.world, hub.fake.clone_url(hub.repo)

    def with_token(token: str) -> str:
        return url.replace("://", f"://x-access-token:{token}@")

    quiet = ("-c", "credential.helper=", "-c", "core.askPass=true")
    for wrong in (url, with_token("ghs_no")):
        code, said = await _git(*quiet, "clone", wrong, str(tmp_path / "no"))
        assert code != 0 and "Authentication failed" in said
    reading = world.installation_token(hub.installation, permissions={"contents": "read"}).value
    folder = str(tmp_path / "clone")
    assert (await _git("clone", "--depth", "1", with_token(reading), folder))[0] == 0
    await _git("-C", folder, "config", "user.name", "Ada")
    await _git("-C", folder, "config", "user.email", "ada@example.org")
    await _git("-C", folder, "commit", "--allow-empty", "-m", "more")
    code, said = await _git("-C", folder, "push", "origin", "HEAD:refs/heads/new")
    assert code != 0 and "403" in said
    assert (await _git("-C", folder, "push", with_token(hub.token), "HEAD:refs/heads/new"))[0] == 0
    assert hub.repo.bare.branch("new")
    world.protect(hub.repo, signatures=True)
    code, said = await _git("-C", folder, "push", with_token(hub.token), "HEAD:refs/heads/main")
    assert code != 0 and "GH006" in said and "verified signatures" in said
    narrow = world.installation_token(hub.installation, permissions={"contents": "write"}).value
    (tmp_path / "clone/.github/workflows/ci.yml").write_text("name: other\n")
    await _git("-C", folder, "commit", "-am", "workflow")
    code, said = await _git("-C", folder, "push", with_token(narrow), "HEAD:refs/heads/other")
    assert code != 0 and "without `workflows` permission" in said
    await world.hooks.settled()


async def test_limits(hub: Hub) -> None:
    world = hub.fake.world
    first = await hub.call("GET", P)
    left = int(first.headers["x-ratelimit-remaining"])
    same = await hub.call("GET", P, headers={"If-None-Match": first.headers["etag"]})
    assert same.status == 304 and int(same.headers["x-ratelimit-remaining"]) == left
    assert int((await hub.call("GET", P)).headers["x-ratelimit-remaining"]) == left - 1
    world.limits.secondary(retry_after=7, method="POST", path="/issues")
    limited = await hub.call("POST", f"{P}/issues", {"title": "x"})
    assert (limited.status, limited.headers["retry-after"]) == (403, "7")
    await hub.post(f"{P}/issues", {"title": "x"})
    world.limits.trouble(502)
    assert (await hub.call("GET", P)).status == 502
    world.limits.break_connection(after=True)
    with pytest.raises(Exception, match=r"disconnected|closed|Server"):
        await hub.call("POST", f"{P}/issues", {"title": "y"})
    assert [one.title for one in hub.repo.issues.values()] == ["x", "y"]
    world.limits.exhaust(60)
    over = await hub.call("GET", P)
    assert over.status == 403 and over.headers["x-ratelimit-remaining"] == "0"
    assert "rate limit exceeded" in over.json["message"]


async def test_pages(hub: Hub) -> None:
    for number in range(45):
        await hub.post(f"{P}/issues", {"title": str(number)})
    first = await hub.call("GET", f"{P}/issues", params={"per_page": 20, "state": "all"})
    assert (
        len(first.json) == 20
        and 'rel="next"' in first.headers["link"]
        and 'page=3>; rel="last"' in first.headers["link"]
    )
    after = first.headers["link"].partition(">")[0][1:]
    assert len(await hub.get(after)) == 20
    last = await hub.call("GET", f"{P}/issues", params={"per_page": 20, "page": 3})
    assert len(last.json) == 5 and 'rel="next"' not in last.headers["link"]


async def test_a_person_lets_the_app_act_for_them(hub: Hub) -> None:
    world, app = hub.fake.world, hub.app
    verifier = "a-long-enough-verifier-for-this-little-test"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")
    asked = {"client_id": app.client_id, "state": "s1", "login": "ada", "redirect_uri": "http://127.0.0.1:1/back"}
    asked |= {"code_challenge": challenge, "code_challenge_method": "S256"}
    back = await hub.call("GET", f"{hub.fake.web}/login/oauth/authorize", token="", params=asked)
    query = parse_qs(urlparse(back.headers["location"]).query)
    assert back.status == 302 and query["state"] == ["s1"]
    form = {"client_id": app.client_id, "client_secret": app.client_secret, "code": query["code"][0]}

    async def exchange(**more: str) -> Any:
        url = f"{hub.fake.web}/login/oauth/access_token"
        return (await hub.http.post(url, data=form | more, headers={"Accept": "application/json"})).json()

    assert (await exchange(client_secret="x"))["error"] == "incorrect_client_credentials"
    given = await exchange(code_verifier=verifier)
    assert given["access_token"].startswith("ghu_") and given["expires_in"] == 28800
    assert (await exchange(code_verifier=verifier))["error"] == "bad_verification_code"
    assert (await hub.get("/user", token=given["access_token"]))["login"] == "ada"
    assert (await hub.get("/user/installations", token=given["access_token"]))["total_count"] == 1
    renewed = await exchange(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert (await hub.refused("GET", "/user", token=given["access_token"]))[0] == 401
    again = await exchange(grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert again["error"] == "bad_refresh_token"
    world.commit(hub.repo, {"b": "1"}, branch="b")
    made = await hub.post(f"{P}/pulls", {"title": "x", "head": "b", "base": "main"}, token=renewed["access_token"])
    assert made["user"]["login"] == "ada"
    denied = await hub.call("GET", f"{hub.fake.web}/login/oauth/authorize", token="", params={**asked, "deny": "1"})
    assert "error=access_denied" in denied.headers["location"]


async def test_an_app_comes_of_a_manifest(hub: Hub) -> None:
    manifest = {
        "name": "Honk Two",
        "url": "https://example.org",
        "redirect_url": "http://127.0.0.1:1/made",
        "hook_attributes": {"url": "http://127.0.0.1:1/hook"},
        "default_permissions": {"contents": "write"},
        "default_events": ["push"],
    }
    url = f"{hub.fake.web}/settings/apps/new?state=s2"
    back = await hub.http.post(url, data={"manifest": json.dumps(manifest)})
    query = parse_qs(urlparse(back.headers["location"]).query)
    assert query["state"] == ["s2"]
    made = await hub.post(f"/app-manifests/{query['code'][0]}/conversions", token="")
    assert made["slug"] == "honk-two" and made["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    assert made["webhook_secret"] and made["client_secret"]
    assert (await hub.refused("POST", f"/app-manifests/{query['code'][0]}/conversions", token=""))[0] == 404
    own = assertion(hub.fake.world.apps[made["id"]])
    assert (await hub.get("/app/hook/config", token=own))["url"] == "http://127.0.0.1:1/hook"


async def test_what_github_does_not_know_is_a_violation(hub: Hub) -> None:
    await hub.call("GET", f"{P}/nonsense")
    await hub.call("GET", f"{P}/pulls", params={"sate": "open"})
    await hub.call("GET", f"{P}/pulls", params={"state": "opened"})
    await hub.call("POST", f"{P}/issues", {"titel": "x"})
    await hub.call("POST", f"{P}/issues", {"title": "x", "colour": "red"})
    with pytest.raises(AssertionError) as found:
        check_requests(hub.fake.world)
    words = str(found.value)
    for expected in ("no such endpoint", "'sate'", "state='opened'", "'title' is a required", "'colour'"):
        assert expected in words
    sent = hub.fake.world.requests[-1]
    assert request_faults(sent) and not answer_faults(sent)
    assert sent.headers["authorization"] == "***"
    assert hub.token not in repr(hub.fake.world.requests)
