"""The rest of what the fake GitHub serves, as the OpenAPI description has it; forks, and other places of its API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from contracts.hub_world import Hub, P, assertion, hub_world
from partners.github_openapi import check_requests

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_world(tmp_path) as world:
        yield world
        check_requests(world.fake.world)


async def test_accounts(hub: Hub) -> None:
    own, ada = assertion(hub.app), hub.fake.world.personal_token("ada")
    assert (await hub.get("/users/ada"))["type"] == "User"
    assert (await hub.refused("GET", "/users/nobody"))[0] == 404
    assert (await hub.get("/users/acme/installation", token=own))["id"] == hub.installation.id
    hub.repo.owner.members["ben"] = "member"
    assert (await hub.call("GET", "/orgs/acme/members/ben")).status == 204
    assert (await hub.refused("GET", "/orgs/acme/members/eve"))[0] == 404
    assert [one["full_name"] for one in await hub.get("/user/repos", token=ada)] == ["acme/app"]
    config = {"url": "http://127.0.0.1:1/hook", "content_type": "json", "secret": "hush"}
    changed = await hub.call("PATCH", "/app/hook/config", config, token=own)
    assert changed.json["url"] == hub.app.webhook_url and changed.json["secret"] == "********"
    assert hub.app.webhook_secret == "hush" and "hush" not in repr(hub.fake.world.requests)
    assert (await hub.get("/rate_limit"))["resources"]["core"]["limit"] == 5000
    await hub.get("/meta")
    assert (await hub.refused("GET", "/user"))[0] == 403


async def test_what_is_left_of_issues(hub: Hub) -> None:
    people = hub.fake.people
    await hub.post(f"{P}/issues", {"title": "x", "labels": ["bug"]})
    mine = await hub.post(f"{P}/issues/1/comments", {"body": "y"})
    for target in (f"{P}/issues/1", f"{P}/issues/comments/{mine['id']}"):
        made = await hub.post(f"{target}/reactions", {"content": "+1"})
        assert len(await hub.get(f"{target}/reactions")) == 1
        assert (await hub.call("DELETE", f"{target}/reactions/{made['id']}")).status == 204
        assert await hub.get(f"{target}/reactions") == []
    put = await hub.call("PUT", f"{P}/issues/1/labels", {"labels": ["honk"]})
    assert [one["name"] for one in put.json] == ["honk"]
    assigned = await hub.post(f"{P}/issues/1/assignees", {"assignees": ["ada", "eve"]})
    assert [one["login"] for one in assigned["assignees"]] == ["ada"]
    assert (await hub.call("PUT", f"{P}/issues/1/lock", {"lock_reason": "spam"})).status == 204
    ben = hub.fake.world.personal_token("ben")
    assert (await hub.refused("POST", f"{P}/issues/1/comments", {"body": "z"}, token=ben))[0] == 403
    assert (await hub.call("DELETE", f"{P}/issues/1/lock")).status == 204
    people.edit("ada", hub.repo, 1, title="other")
    assert (await hub.refused("PATCH", f"{P}/issues/1", {"title": "mine"}, token=ben))[0] == 403


async def test_what_is_left_of_pull_requests(hub: Hub) -> None:
    await hub.pull()
    asked = hub.fake.people.review("ada", hub.repo, 1, comments=[{"path": "a.txt", "line": 3, "body": "x"}])
    assert (await hub.get(f"{P}/pulls/1/reviews/{asked.id}"))["state"] == "COMMENTED"
    listed = await hub.get(f"{P}/pulls/comments", params={"sort": "updated", "direction": "asc"})
    own = await hub.post(f"{P}/pulls/1/comments/{listed[0]['id']}/replies", {"body": "y"})
    target = f"{P}/pulls/comments/{own['id']}"
    assert (await hub.call("PATCH", target, {"body": "z"})).json["body"] == "z"
    made = await hub.post(f"{target}/reactions", {"content": "eyes"})
    assert (await hub.get(f"{target}/reactions"))[0]["content"] == "eyes"
    assert (await hub.call("DELETE", f"{target}/reactions/{made['id']}")).status == 204
    assert (await hub.call("DELETE", target)).status == 204
    mine = await hub.post(f"{P}/pulls/1/reviews", {"event": "COMMENT", "body": "a"}, 200)
    assert (await hub.call("PUT", f"{P}/pulls/1/reviews/{mine['id']}", {"body": "b"})).json["body"] == "b"
    await hub.post(f"{P}/pulls/1/requested_reviewers", {"reviewers": ["ada", "ben"]})
    left = await hub.call("DELETE", f"{P}/pulls/1/requested_reviewers", {"reviewers": ["ben"]})
    assert [one["login"] for one in left.json["requested_reviewers"]] == ["ada"]
    assert (await hub.call("DELETE", f"{P}/branches/main/protection")).status == 404
    hub.fake.world.requests.pop()
    hub.fake.world.faults.clear()


async def test_what_is_left_of_git_and_checks(hub: Hub) -> None:
    head = (await hub.pull())["head"]["sha"]
    assert [one["ref"] for one in await hub.get(f"{P}/git/matching-refs/heads/honk")] == ["refs/heads/honk/x"]
    blob = next(one for one in (await hub.get(f"{P}/git/trees/{head}"))["tree"] if one["path"] == "a.txt")
    assert (await hub.get(f"{P}/git/blobs/{blob['sha']}"))["size"] == 6
    check = await hub.post(f"{P}/check-runs", {"name": "x", "head_sha": head})
    suite = check["check_suite"]["id"]
    assert (await hub.get(f"{P}/check-runs/{check['id']}"))["status"] == "queued"
    assert (await hub.get(f"{P}/check-suites/{suite}"))["latest_check_runs_count"] == 1
    assert (await hub.get(f"{P}/check-suites/{suite}/check-runs"))["total_count"] == 1
    assert (await hub.call("POST", f"{P}/check-runs/{check['id']}/rerequest")).status == 201
    hub.fake.people.push("ada", hub.repo, "main", {"new": "1"})
    merged = await hub.post(f"{P}/merges", {"base": "main", "head": "honk/x"})
    assert len(merged["parents"]) == 2
    assert (await hub.get(f"{P}/pulls/1"))["merged"] is True
    assert (await hub.call("POST", f"{P}/merges", {"base": "main", "head": "honk/x"})).status == 204


async def test_what_is_left_of_actions(hub: Hub) -> None:
    run = hub.fake.machines.run(hub.repo, "main", {"build": None}, artifacts={"a": {"f": b"1"}})
    job = run.jobs[0].id
    assert (await hub.get(f"{P}/actions/jobs/{job}"))["status"] == "in_progress"
    assert (await hub.refused("GET", f"{P}/actions/jobs/{job}/logs"))[0] == 404
    assert (await hub.get(f"{P}/actions/artifacts/{run.artifacts[0].id}"))["workflow_run"]["id"] == run.id
    assert (await hub.call("POST", f"{P}/actions/runs/{run.id}/cancel")).status == 202
    assert (await hub.refused("POST", f"{P}/actions/runs/{run.id}/cancel"))[0] == 409
    assert (await hub.call("GET", f"{P}/actions/runs/{run.id}/logs")).status == 302
    assert (await hub.call("POST", f"{P}/actions/runs/{run.id}/rerun")).status == 201
    assert (await hub.get(f"{P}/actions/workflows/ci.yml"))["path"] == ".github/workflows/ci.yml"
    made = await hub.post(f"{P}/deployments", {"ref": "main", "required_contexts": []})
    status = await hub.post(f"{P}/deployments/{made['id']}/statuses", {"state": "in_progress"})
    assert (await hub.get(f"{P}/deployments/{made['id']}/statuses/{status['id']}"))["state"] == "in_progress"


async def test_a_fork_proposes(hub: Hub) -> None:
    world, eve = hub.fake.world, hub.fake.world.personal_token("eve")
    hub.repo.private = False
    fork = world.fork(hub.repo, "eve")
    world.commit(fork, {"a.txt": "fork\n"}, branch="idea")
    body = {"title": "Idea", "head": "eve:idea", "base": "main", "maintainer_can_modify": True}
    made = await hub.post(f"{P}/pulls", body, token=eve)
    assert (made["head"]["label"], made["head"]["repo"]["fork"]) == ("eve:idea", True)
    assert made["maintainer_can_modify"] and made["author_association"] == "NONE"
    assert (await hub.get("/repos/eve/app", token=eve))["parent"]["full_name"] == "acme/app"
    tip = world.commit(fork, {"a.txt": "more\n"}, branch="idea")
    now = await hub.get(f"{P}/pulls/1")
    assert (now["head"]["sha"], now["mergeable_state"], len(await hub.get(f"{P}/pulls/1/commits"))) == (tip, "clean", 2)
    assert hub.repo.bare.ref("refs/pull/1/head") == tip
    merged = await hub.call("PUT", f"{P}/pulls/1/merge", {"sha": tip})
    assert merged.status == 200


@pytest.mark.parametrize("prefix", ["", "/api/v3"])
async def test_other_places_of_the_api(tmp_path: Path, prefix: str) -> None:
    more: dict[str, Any] = {"prefix": prefix, "enterprise": "3.17.0" if prefix else ""}
    async with hub_world(tmp_path, **more) as hub:
        found = await hub.call("GET", P)
        assert found.json["url"] == f"{hub.fake.url}{P}"
        assert found.headers.get("x-github-enterprise-version", "") == more["enterprise"]
        assert (await hub.get("/meta")).get("installed_version", "") == more["enterprise"]
        assert (await hub.graphql("query { viewer { login } }"))["data"] == {"viewer": {"login": "honk[bot]"}}
