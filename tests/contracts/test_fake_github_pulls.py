"""How pull requests, comments, reviews and checks of the fake GitHub behave."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.hub_world import Hub, P, hub_world
from partners.github_openapi import check_requests

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_world(tmp_path) as world:
        yield world
        check_requests(world.fake.world)


async def test_opened_once_and_found_again(hub: Hub) -> None:
    made = await hub.pull(draft=True, body="Why")
    assert (made["number"], made["draft"], made["user"]["login"]) == (1, True, "honk[bot]")
    assert (made["mergeable"], made["mergeable_state"], made["commits"], made["changed_files"]) == (True, "draft", 1, 1)
    again = {"title": "A change", "head": "honk/x", "base": "main"}
    status, words = await hub.refused("POST", f"{P}/pulls", again)
    assert (status, words) == (422, "Validation Failed A pull request already exists for acme:honk/x.")
    hub.fake.world.commit(hub.repo, {}, branch="same")
    hub.repo.bare.set_ref("refs/heads/same", hub.repo.bare.branch("main"))
    empty = await hub.refused("POST", f"{P}/pulls", {**again, "head": "same"})
    assert empty == (422, "Validation Failed No commits between main and same")
    assert (await hub.refused("POST", f"{P}/pulls", {**again, "head": "nothing"}))[0] == 422
    found = await hub.get(f"{P}/pulls", params={"head": "acme:honk/x", "state": "all", "sort": "updated"})
    assert [one["number"] for one in found] == [1]
    assert await hub.get(f"{P}/pulls", params={"head": "acme:other"}) == []
    sha = made["head"]["sha"]
    assert [one["number"] for one in await hub.get(f"{P}/commits/{sha}/pulls")] == [1]
    changed = (await hub.call("PATCH", f"{P}/pulls/1", {"title": "Other", "body": "Because", "state": "closed"})).json
    assert (changed["title"], changed["body"], changed["state"]) == ("Other", "Because", "closed")
    await hub.call("PATCH", f"{P}/pulls/1", {"state": "open"})
    assert [one["event"] for one in await hub.get(f"{P}/issues/1/events")] == ["renamed", "closed", "reopened"]
    assert (await hub.get(f"{P}/pulls/1/files"))[0]["patch"].startswith("@@ -1,3 +1,3 @@")
    assert [one["sha"] for one in await hub.get(f"{P}/pulls/1/commits")] == [sha]
    diff = await hub.call("GET", f"{P}/pulls/1", headers={"Accept": "application/vnd.github.diff"})
    assert diff.text.startswith("diff --git a/a.txt b/a.txt")


async def test_the_head_follows_the_branch(hub: Hub) -> None:
    first = (await hub.pull())["head"]["sha"]
    hub.repo.mergeable_after = 1
    second = hub.fake.people.push("ada", hub.repo, "honk/x", {"a.txt": "5\n"})
    now = await hub.get(f"{P}/pulls/1")
    assert (now["head"]["sha"], now["mergeable"], now["commits"]) == (second, None, 2)
    assert (await hub.get(f"{P}/pulls/1"))["mergeable"] is True
    hub.repo.bare.set_ref("refs/heads/honk/x", first)
    assert (await hub.get(f"{P}/pulls/1"))["head"]["sha"] == first
    hub.fake.people.push("ada", hub.repo, "main", {"a.txt": "conflict\n"})
    hub.repo.mergeable_after = 0
    await hub.get(f"{P}/pulls/1")
    dirty = await hub.get(f"{P}/pulls/1")
    assert (dirty["mergeable"], dirty["mergeable_state"]) == (False, "dirty")
    assert (await hub.refused("PUT", f"{P}/pulls/1/merge", {"sha": first})) == (405, "Pull Request is not mergeable")
    assert (await hub.call("DELETE", f"{P}/git/refs/heads/honk/x")).status == 204
    assert (await hub.get(f"{P}/pulls/1"))["state"] == "closed"
    assert (await hub.refused("PATCH", f"{P}/pulls/1", {"state": "open"}))[0] == 422


@pytest.mark.parametrize("method", ["merge", "squash", "rebase"])
async def test_merged_with_the_sha(hub: Hub, method: str) -> None:
    issue = await hub.post(f"{P}/issues", {"title": "Broken"})
    first = (await hub.pull(body=f"Fixes #{issue['number']}"))["head"]["sha"]
    head = hub.fake.people.push("ada", hub.repo, "honk/x", {"b.txt": "b"})
    stale = await hub.refused("PUT", f"{P}/pulls/2/merge", {"sha": first, "merge_method": method})
    assert stale == (409, "Head branch was modified. Review and try the merge again.")
    hub.repo.delete_branch_on_merge = True
    body = {"sha": head, "merge_method": method, "commit_title": "Title"}
    merged = (await hub.call("PUT", f"{P}/pulls/2/merge", body)).json
    tip = hub.repo.bare.branch("main")
    assert merged == {"sha": tip, "merged": True, "message": "Pull Request successfully merged"}
    commit = await hub.get(f"{P}/commits/{tip}")
    assert len(commit["parents"]) == (2 if method == "merge" else 1)
    assert commit["commit"]["verification"]["verified"] is (method != "rebase")
    after = await hub.get(f"{P}/pulls/2")
    assert (after["merged"], after["state"], after["merge_commit_sha"]) == (True, "closed", tip)
    assert (await hub.call("GET", f"{P}/pulls/2/merge")).status == 204
    assert (await hub.get(f"{P}/issues/{issue['number']}"))["state"] == "closed"
    assert hub.repo.bare.branch("honk/x") is None
    assert (await hub.refused("PUT", f"{P}/pulls/2/merge", body))[0] == 405


async def test_what_blocks_a_merge(hub: Hub) -> None:
    world, people = hub.fake.world, hub.fake.people
    head = (await hub.pull(draft=True))["head"]["sha"]
    path, body = f"{P}/pulls/1/merge", {"sha": head, "merge_method": "squash"}
    assert await hub.refused("PUT", path, body) == (405, "Pull Request is still a draft")
    people.ready("ada", hub.repo, 1)
    hub.repo.allow_squash_merge = False
    words = "Squash merges are not allowed on this repository."
    assert await hub.refused("PUT", path, body) == (405, words)
    hub.repo.allow_squash_merge = True
    rule = world.protect(hub.repo, checks=["build"], reviews=1, strict=True, dismiss_stale=True)
    assert (await hub.get(f"{P}/pulls/1"))["mergeable_state"] == "blocked"
    assert "At least 1 approving review is required" in (await hub.refused("PUT", path, body))[1]
    people.review("ada", hub.repo, 1, "APPROVED")
    assert (await hub.refused("PUT", path, body))[1] == 'Required status check "build" is expected.'
    people.check(hub.repo, head, "build", "failure")
    assert (await hub.refused("PUT", path, body))[1] == 'Required status check "build" is failing.'
    people.check(hub.repo, head, "build", "success")
    people.status("ada", hub.repo, head, "other/ci", "pending")
    assert (await hub.get(f"{P}/pulls/1"))["mergeable_state"] == "unstable"
    people.status("ada", hub.repo, head, "other/ci", "success")
    assert (await hub.get(f"{P}/pulls/1"))["mergeable_state"] == "clean"
    people.push("ada", hub.repo, "main", {"new.txt": "x"})
    assert (await hub.get(f"{P}/pulls/1"))["mergeable_state"] == "behind"
    updated = await hub.call("PUT", f"{P}/pulls/1/update-branch", {"expected_head_sha": head})
    assert updated.status == 202
    # the approval went with the old head
    assert (await hub.get(f"{P}/pulls/1"))["mergeable_state"] == "blocked"
    rule.queue = "merge"
    assert "merge queue" in (await hub.refused("PUT", path, {"merge_method": "squash"}))[1]


async def test_comments_labels_and_reactions(hub: Hub) -> None:
    made = await hub.post(f"{P}/issues", {"title": "Broken", "body": "Help", "labels": ["bug"]})
    number, people = made["number"], hub.fake.people
    said = people.comment("ada", hub.repo, number, "@honk fix it")
    mine = await hub.post(f"{P}/issues/{number}/comments", {"body": "I am on it"})
    assert mine["performed_via_github_app"]["slug"] == "honk" and mine["user"]["type"] == "Bot"
    changed = await hub.call("PATCH", f"{P}/issues/comments/{mine['id']}", {"body": "Done"})
    assert changed.json["body"] == "Done"
    both = await hub.get(f"{P}/issues/{number}/comments")
    assert [one["body"] for one in both] == ["@honk fix it", "Done"]
    assert both[0]["author_association"] == "COLLABORATOR"
    since = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert await hub.get(f"{P}/issues/comments", params={"since": since, "sort": "updated"}) == []
    assert len(await hub.get(f"{P}/issues/comments")) == 2
    eyes = {"content": "eyes"}
    first = await hub.post(f"{P}/issues/comments/{said.id}/reactions", eyes)
    again = await hub.post(f"{P}/issues/comments/{said.id}/reactions", eyes, 200)
    assert first["id"] == again["id"]
    await hub.post(f"{P}/issues/{number}/reactions", eyes)
    assert len(await hub.get(f"{P}/issues/{number}/reactions", params={"content": "eyes"})) == 1
    await hub.post(f"{P}/issues/{number}/labels", {"labels": ["honk"]}, 200)
    people.label("ada", hub.repo, number, "question")
    people.assign("ada", hub.repo, number, "honk[bot]")
    assert (await hub.call("DELETE", f"{P}/issues/{number}/labels/bug")).status == 200
    assert (await hub.refused("DELETE", f"{P}/issues/{number}/labels/bug"))[0] == 404
    assert [one["name"] for one in await hub.get(f"{P}/issues/{number}/labels")] == ["honk", "question"]
    events = await hub.get(f"{P}/issues/{number}/events")
    assert [one["event"] for one in events] == ["labeled", "labeled", "labeled", "assigned", "unlabeled"]
    assert (events[2]["actor"]["login"], events[2]["label"]["name"]) == ("ada", "question")
    assert events[3]["assignee"]["login"] == "honk[bot]"
    timeline = await hub.get(f"{P}/issues/{number}/timeline")
    assert [one["event"] for one in timeline].count("commented") == 2
    assert len(await hub.get(f"{P}/issues/events")) == 5
    found = await hub.get(f"{P}/issues", params={"labels": "honk", "state": "open", "since": "2020-01-01T00:00:00Z"})
    assert [one["number"] for one in found] == [number]
    assert await hub.get(f"{P}/issues", params={"labels": "bug"}) == []
    closed = await hub.call("PATCH", f"{P}/issues/{number}", {"state": "closed", "state_reason": "not_planned"})
    assert closed.json["state_reason"] == "not_planned"
    assert (await hub.call("DELETE", f"{P}/issues/comments/{mine['id']}")).status == 204
    assert (await hub.refused("GET", f"{P}/issues/comments/{mine['id']}"))[0] == 404
    assert (await hub.get(f"{P}/labels/honk"))["name"] == "honk"
    await hub.post(f"{P}/labels", {"name": "new", "color": "ff0000"})
    assert len(await hub.get(f"{P}/labels")) == 5


async def test_reviews_and_their_threads(hub: Hub) -> None:
    made = await hub.pull()
    people, head = hub.fake.people, made["head"]["sha"]
    comments = [{"path": "a.txt", "line": 3, "body": "Why four?"}]
    asked = people.review("ada", hub.repo, 1, "CHANGES_REQUESTED", "No", comments=comments)
    shown = (await hub.get(f"{P}/pulls/1/reviews/{asked.id}/comments"))[0]
    assert (shown["line"], shown["side"], shown["diff_hunk"].splitlines()[-1]) == (3, "RIGHT", "+4")
    reply = await hub.post(f"{P}/pulls/1/comments/{shown['id']}/replies", {"body": "Changed"})
    assert reply["in_reply_to_id"] == shown["id"] and reply["pull_request_review_id"] != asked.id
    assert [one["id"] for one in await hub.get(f"{P}/pulls/1/comments")] == [shown["id"], reply["id"]]
    await hub.post(f"{P}/pulls/comments/{shown['id']}/reactions", {"content": "rocket"})
    assert (await hub.get(f"{P}/pulls/comments/{shown['id']}"))["reactions"]["rocket"] == 1
    people.push("ada", hub.repo, "honk/x", {"a.txt": "1\n2\n3\n", "c.txt": "c"})
    assert (await hub.get(f"{P}/pulls/comments/{shown['id']}"))["line"] is None
    own = await hub.refused("POST", f"{P}/pulls/1/reviews", {"event": "APPROVE"})
    assert own == (422, "Unprocessable Entity Can not approve your own pull request")
    assert (await hub.refused("POST", f"{P}/pulls/1/reviews", {"event": "REQUEST_CHANGES"}))[0] == 422
    nowhere = {"event": "COMMENT", "comments": [{"path": "a.txt", "line": 99, "body": "x"}]}
    assert (await hub.refused("POST", f"{P}/pulls/1/reviews", nowhere))[0] == 422
    body = {
        "event": "COMMENT",
        "body": "Look",
        "commit_id": head,
        "comments": [{"path": "c.txt", "line": 1, "body": "x"}],
    }
    mine = await hub.post(f"{P}/pulls/1/reviews", body, 200)
    assert (mine["state"], mine["commit_id"]) == ("COMMENTED", head)
    states = [one["state"] for one in await hub.get(f"{P}/pulls/1/reviews")]
    assert states == ["CHANGES_REQUESTED", "COMMENTED", "COMMENTED"]
    dismissed = await hub.call("PUT", f"{P}/pulls/1/reviews/{asked.id}/dismissals", {"message": "Done"})
    assert dismissed.json["state"] == "DISMISSED"
    pending = await hub.post(f"{P}/pulls/1/reviews", {"body": "Later"}, 200)
    assert pending["state"] == "PENDING" and "submitted_at" not in pending
    done = await hub.post(f"{P}/pulls/1/reviews/{pending['id']}/events", {"event": "COMMENT", "body": "Now"}, 200)
    assert done["state"] == "COMMENTED" and done["submitted_at"]
    line = {"path": "c.txt", "line": 1, "side": "RIGHT", "body": "y", "commit_id": hub.repo.issues[1].pull.head_sha}  # type: ignore[union-attr]
    await hub.post(f"{P}/pulls/1/comments", line)
    asked_for = await hub.post(f"{P}/pulls/1/requested_reviewers", {"reviewers": ["ada"]})
    assert [one["login"] for one in asked_for["requested_reviewers"]] == ["ada"]
    assert (await hub.refused("POST", f"{P}/pulls/1/requested_reviewers", {"reviewers": ["eve"]}))[0] == 422
    assert (await hub.get(f"{P}/pulls/1/requested_reviewers"))["teams"] == []
    hub.repo.owner.teams["core"] = ["ada"]
    await hub.post(f"{P}/pulls/1/requested_reviewers", {"team_reviewers": ["core"]})
    assert (await hub.get("/orgs/acme/teams/core/members"))[0]["login"] == "ada"


async def test_checks_and_statuses(hub: Hub) -> None:
    head, people = (await hub.pull())["head"]["sha"], hub.fake.people
    note = {"path": "a.txt", "start_line": 1, "end_line": 1, "annotation_level": "warning", "message": "m"}
    output = {"title": "t", "summary": "s", "annotations": [note]}
    body = {"name": "Honk", "head_sha": head, "status": "in_progress", "external_id": "task-1", "output": output}
    made = await hub.post(f"{P}/check-runs", body)
    assert made["pull_requests"][0]["number"] == 1 and made["output"]["annotations_count"] == 1
    end = {
        "status": "completed",
        "conclusion": "success",
        "output": {"title": "t", "summary": "s", "annotations": [note]},
    }
    ended = (await hub.call("PATCH", f"{P}/check-runs/{made['id']}", end)).json
    assert (ended["conclusion"], ended["output"]["annotations_count"]) == ("success", 2)
    assert len(await hub.get(f"{P}/check-runs/{made['id']}/annotations")) == 2
    too_many = {**body, "output": {**output, "annotations": [note] * 51}}
    assert (await hub.refused("POST", f"{P}/check-runs", too_many))[0] == 422
    hub.fake.world.requests.pop()
    other = people.check(hub.repo, head, "build", "failure")
    people.check(hub.repo, head, "build", None)
    assert (await hub.refused("PATCH", f"{P}/check-runs/{other.id}", end))[0] == 403
    latest = await hub.get(f"{P}/commits/{head}/check-runs", params={"per_page": 100})
    assert sorted((one["name"], one["status"]) for one in latest["check_runs"]) == [
        ("Honk", "completed"),
        ("build", "in_progress"),
    ]
    assert (await hub.get(f"{P}/commits/honk/x/check-runs", params={"filter": "all"}))["total_count"] == 3
    suites = (await hub.get(f"{P}/commits/{head}/check-suites"))["check_suites"]
    assert {one["app"]["slug"]: one["status"] for one in suites} == {
        "honk": "completed",
        "github-actions": "in_progress",
    }
    assert (await hub.get(f"{P}/commits/{head}/status"))["state"] == "pending"
    status = {"state": "success", "context": "honk/verdict", "description": "d", "target_url": "https://example.org"}
    await hub.post(f"{P}/statuses/{head}", status)
    people.status("ada", hub.repo, head, "ci/x", "failure")
    people.status("ada", hub.repo, head, "ci/x", "success")
    combined = await hub.get(f"{P}/commits/{head}/status")
    assert (combined["state"], combined["total_count"]) == ("success", 2)
    assert len(await hub.get(f"{P}/commits/{head}/statuses")) == 3
    assert (await hub.refused("POST", f"{P}/statuses/{'0' * 40}", status))[0] == 422
