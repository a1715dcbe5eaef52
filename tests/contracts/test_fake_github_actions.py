"""How the fake GitHub runs workflows, deploys, delivers webhooks and answers GraphQL."""

import base64
import hashlib
import hmac
import io
import json
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from contracts.hub_world import Hub, P, assertion, hub_world
from honk.domain.discussion import HintKind
from honk.doors.github import hints_of
from honk.testing.fake_github.graphql import TYPES
from honk.testing.fake_github.graphql_mutations import MUTATIONS
from partners import github_graphql
from partners.github_openapi import check_requests

pytestmark = pytest.mark.anyio


@pytest.fixture
async def hub(tmp_path: Path) -> AsyncIterator[Hub]:
    async with hub_world(tmp_path) as world:
        yield world
        check_requests(world.fake.world)
        if _schema():
            github_graphql.check_queries(world.fake.world)


def _schema() -> bool:
    """Whether GitHub's GraphQL schema is there; it must be in CI."""
    if github_graphql.installed():
        return True
    assert not os.environ.get("CI"), "the GraphQL schema is not installed; scripts/partners installs it"
    return False


async def test_runs_with_jobs_logs_and_artifacts(hub: Hub) -> None:
    head, machines = (await hub.pull())["head"]["sha"], hub.fake.machines
    steps = {"test": [("Set up job", "success"), ("Run tests", "failure"), ("Upload", "skipped")]}
    run = machines.run(
        hub.repo,
        "honk/x",
        {"lint": "success", "test": "failure"},
        logs={"test": "##[error]1 failed\n"},
        steps=steps,
        artifacts={"app": {"app.txt": b"built"}},
    )
    shown = await hub.get(f"{P}/actions/runs", params={"head_sha": head})
    assert [(one["id"], one["conclusion"], one["name"]) for one in shown["workflow_runs"]] == [
        (run.id, "failure", "CI")
    ]
    assert (await hub.get(f"{P}/actions/runs/{run.id}"))["pull_requests"][0]["number"] == 1
    jobs = (await hub.get(f"{P}/actions/runs/{run.id}/jobs"))["jobs"]
    failed = next(one for one in jobs if one["conclusion"] == "failure")
    assert [one["conclusion"] for one in failed["steps"]] == ["success", "failure", "skipped"]
    checks = (await hub.get(f"{P}/commits/{head}/check-runs"))["check_runs"]
    assert failed["id"] in [one["id"] for one in checks]
    log = await hub.call("GET", f"{P}/actions/jobs/{failed['id']}/logs")
    assert log.status == 302
    assert (await hub.call("GET", log.headers["location"], token="")).text == "##[error]1 failed\n"
    kept = (await hub.get(f"{P}/actions/runs/{run.id}/artifacts"))["artifacts"][0]
    assert (await hub.get(f"{P}/actions/artifacts"))["total_count"] == 1
    where = (await hub.call("GET", f"{P}/actions/artifacts/{kept['id']}/zip")).headers["location"]
    archive = (await hub.http.get(where)).content
    assert zipfile.ZipFile(io.BytesIO(archive)).read("app.txt") == b"built" and len(archive) == kept["size_in_bytes"]
    assert (await hub.call("GET", where)).status == 400
    assert "a token was sent" in hub.fake.world.faults.pop()
    run.artifacts[0].expired = True
    assert (await hub.refused("GET", f"{P}/actions/artifacts/{kept['id']}/zip"))[0] == 410
    assert (await hub.call("POST", f"{P}/actions/runs/{run.id}/rerun-failed-jobs")).status == 201
    assert [one.name for one in run.jobs] == ["lint"]
    machines.jobs(hub.repo, run, {"test": "success"})
    again = await hub.get(f"{P}/actions/runs/{run.id}")
    assert (again["run_attempt"], again["conclusion"]) == (2, "success")


async def test_dispatched_and_approved(hub: Hub) -> None:
    path = f"{P}/actions/workflows/ci.yml/dispatches"
    body = {"ref": "main", "inputs": {"target": "x"}}
    assert (await hub.call("POST", path, body)).status == 204
    made = await hub.post(path, {**body, "return_run_details": True}, 200)
    run = hub.repo.runs[made["workflow_run_id"]]
    assert (run.event, run.inputs, run.status, len(hub.repo.runs)) == (
        "workflow_dispatch",
        {"target": "x"},
        "queued",
        2,
    )
    assert await hub.refused("POST", path, {"ref": "none"}) == (422, "No ref found for: none")
    assert (await hub.refused("POST", path, {"ref": "main"}))[1] == "Required input 'target' not provided"
    unknown = await hub.refused("POST", path, {"ref": "main", "inputs": {"other": "x"}})
    assert unknown == (422, "Unexpected inputs provided: ['other']")
    assert (await hub.refused("POST", f"{P}/actions/workflows/no.yml/dispatches", body))[0] == 404
    assert (await hub.get(f"{P}/actions/workflows"))["workflows"][0]["name"] == "CI"
    dispatched = {"event": "workflow_dispatch", "branch": "main"}
    assert (await hub.get(f"{P}/actions/workflows/ci.yml/runs", params=dispatched))["total_count"] == 2
    environment = hub.fake.machines.environment(hub.repo, "production", reviewers=["ada"])
    hub.fake.machines.wait_for(hub.repo, run, "production")
    waiting = await hub.get(f"{P}/actions/runs/{run.id}/pending_deployments")
    assert waiting[0]["environment"]["name"] == "production" and not waiting[0]["current_user_can_approve"]
    assert (await hub.get(f"{P}/actions/runs/{run.id}"))["status"] == "waiting"
    assert (await hub.get(f"{P}/environments/production"))["protection_rules"][0]["type"] == "required_reviewers"
    assert (await hub.get(f"{P}/environments"))["total_count"] == 1
    decision = {"environment_ids": [environment.id], "state": "approved", "comment": "go"}
    where = f"{P}/actions/runs/{run.id}/pending_deployments"
    assert (await hub.refused("POST", where, decision))[0] == 422
    ada = hub.fake.world.personal_token("ada")
    assert (await hub.post(where, decision, 200, token=ada))[0]["environment"] == "production"
    hub.fake.machines.finish(hub.repo, run)
    deployment = next(iter(hub.repo.deployments))
    assert (await hub.get(f"{P}/deployments/{deployment}/statuses"))[0]["state"] == "success"


async def test_deployments(hub: Hub) -> None:
    main = hub.repo.bare.branch("main")
    hub.fake.people.check(hub.repo, str(main), "build", "failure")
    body = {"ref": "main", "environment": "staging", "payload": {"honk": "d1"}, "description": "x"}
    refused = await hub.refused("POST", f"{P}/deployments", body)
    assert refused[0] == 409 and "Commit status checks failed for main" in refused[1]
    first = await hub.post(f"{P}/deployments", {**body, "required_contexts": []})
    second = await hub.post(f"{P}/deployments", {**body, "required_contexts": [], "auto_merge": False})
    assert (first["sha"], first["payload"]) == (main, {"honk": "d1"})
    found = await hub.get(f"{P}/deployments", params={"environment": "staging", "sha": main})
    assert [one["id"] for one in found] == [second["id"], first["id"]]
    for one in (first, second):
        status = {
            "state": "success",
            "environment_url": "https://staging.example.org",
            "log_url": "https://log.example.org",
        }
        await hub.post(f"{P}/deployments/{one['id']}/statuses", status)
    states = [one["state"] for one in await hub.get(f"{P}/deployments/{first['id']}/statuses")]
    assert states == ["inactive", "success"]
    assert (await hub.get(f"{P}/deployments/{second['id']}"))["environment"] == "staging"
    assert (await hub.refused("POST", f"{P}/deployments", {"ref": "none"}))[0] == 422


# webhooks


Taken = list[tuple[str, str, Any]]


@pytest.fixture
async def taken(hub: Hub) -> AsyncIterator[Taken]:
    """What comes to the app's webhook: event, GUID and payload. The first one is answered with 500."""
    got: Taken = []

    async def take(request: web.Request) -> web.Response:
        raw = await request.read()
        made = hmac.new(b"hush", raw, hashlib.sha256).hexdigest()
        assert request.headers["X-Hub-Signature-256"] == f"sha256={made}"
        assert request.headers["User-Agent"].startswith("GitHub-Hookshot/")
        got.append((request.headers["X-GitHub-Event"], request.headers["X-GitHub-Delivery"], json.loads(raw)))
        return web.Response(status=500 if len(got) == 1 else 202)

    routes = web.Application()
    routes.router.add_post("/hook", take)
    runner = web.AppRunner(routes)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    hub.app.webhook_secret = "hush"
    hub.app.webhook_url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield got
    await runner.cleanup()


async def test_webhooks_are_signed_and_come_again(hub: Hub, taken: Taken) -> None:
    world, people = hub.fake.world, hub.fake.people
    issue = people.issue("ada", hub.repo, "Broken")
    await world.hooks.settled()
    event, guid, payload = taken[0]
    assert (event, payload["action"], payload["sender"]["login"]) == ("issues", "opened", "ada")
    assert payload["installation"]["id"] == hub.installation.id and payload["organization"]["login"] == "acme"
    listed = (await hub.get("/app/hook/deliveries", token=assertion(hub.app)))[0]
    assert (listed["guid"], listed["status_code"], listed["redelivery"]) == (guid, 500, False)
    where = f"/app/hook/deliveries/{listed['id']}"
    assert (await hub.get(where, token=assertion(hub.app)))["request"]["payload"]["action"] == "opened"
    assert (await hub.call("POST", f"{where}/attempts", token=assertion(hub.app))).status == 202
    await world.hooks.settled()
    assert taken[1][:2] == ("issues", guid)
    world.hooks.hold()
    people.comment("ada", hub.repo, issue, "one")
    people.comment("ada", hub.repo, issue, "two")
    await world.hooks.settled()
    assert len(taken) == 2
    world.hooks.release(lambda held: [*reversed(held), held[0]])
    await world.hooks.settled()
    assert [one[2]["comment"]["body"] for one in taken[2:]] == ["two", "one", "one"]


async def test_webhooks_of_pull_requests(hub: Hub, taken: Taken) -> None:
    world, people = hub.fake.world, hub.fake.people
    await hub.pull()
    people.push("ada", hub.repo, "honk/x", {"b": "2"})
    people.review("ada", hub.repo, 1, "APPROVED")
    await world.hooks.settled()
    assert [(one[0], one[2].get("action")) for one in taken] == [
        ("push", None),
        ("pull_request", "opened"),
        ("push", None),
        ("pull_request", "synchronize"),
        ("pull_request_review", "submitted"),
    ]
    moved = taken[3][2]
    assert moved["before"] != moved["after"] == moved["pull_request"]["head"]["sha"]
    assert taken[4][2]["review"]["state"] == "approved"
    world.hooks.ping(hub.app)
    world.suspend(hub.installation)
    people.comment("ada", hub.repo, 1, "unheard")
    await world.hooks.settled()
    assert [one[0] for one in taken[5:]] == ["ping", "installation"]


async def test_webhooks_of_merge_groups(hub: Hub, taken: Taken) -> None:
    world, people = hub.fake.world, hub.fake.people
    for number, branch in ((1, "honk/x"), (2, "honk/y")):
        await hub.pull(branch, {f"{number}.txt": "x"})
    world.protect(hub.repo, queue="merge")
    for number in (1, 2):
        people.enqueue("ada", hub.repo, number)
    first, second = hub.repo.groups[1], hub.repo.groups[2]
    assert second.base_sha == first.head_sha and hub.repo.bare.ref(second.head_ref) == second.head_sha
    people.push("ada", hub.repo, "honk/x", {"b": "2"})
    people.advance_queue(hub.repo)
    await world.hooks.settled()
    told = [one[2] for one in taken if one[0] == "merge_group"]
    assert [(one["action"], one["merge_group"]["head_sha"], one.get("reason")) for one in told[:4]] == [
        ("checks_requested", first.head_sha, None),
        ("checks_requested", second.head_sha, None),
        ("destroyed", first.head_sha, "dequeued"),
        ("destroyed", second.head_sha, "invalidated"),
    ]
    assert [(one["action"], one.get("reason")) for one in told[4:]] == [
        ("checks_requested", None),
        ("destroyed", "merged"),
    ]
    group = told[4]["merge_group"]
    assert group["head_sha"] == group["head_commit"]["id"] == hub.repo.bare.branch("main")
    assert (group["base_ref"], group["head_ref"]) == (
        "refs/heads/main",
        f"refs/heads/gh-readonly-queue/main/pr-2-{group['base_sha']}",
    )
    assert hub.repo.groups == {}
    hints = [hint for event, _, payload in taken if event == "merge_group" for hint in hints_of(event, payload)]
    assert [(one.kind, one.id) for one in hints[:1]] == [(HintKind.QUEUE, f"{first.head_sha}/main")]
    assert len(hints) == 3, "of what was taken apart again there is none"


async def test_webhooks_of_a_check_that_is_to_be_done_again(hub: Hub, taken: Taken) -> None:
    world, people = hub.fake.world, hub.fake.people
    head = hub.repo.bare.branch("main") or ""
    own = people.check(hub.repo, head, "Honk", "success", app=hub.app)
    await world.hooks.settled()
    taken.clear()
    people.rerun("ada", hub.repo, own)
    await world.hooks.settled()
    [(event, _, payload)] = taken
    assert (event, payload["action"], payload["sender"]["login"]) == ("check_run", "rerequested", "ada")
    assert payload["check_run"]["head_sha"] == head and payload["check_run"]["status"] == "completed"
    kinds = [(one.kind, one.id) for one in hints_of(event, payload)]
    assert kinds == [(HintKind.CHECKS, head), (HintKind.RERUN, f"{head}/ada")]


async def test_webhooks_of_an_installation(hub: Hub, taken: Taken) -> None:
    world = hub.fake.world
    other = world.repository("acme/other")
    await world.hooks.settled()
    taken.clear()
    world.choose(hub.installation, [other])
    given = world.user_token(hub.app, "ada")
    world.revoke(hub.app, "ada")
    await world.hooks.settled()
    assert [(one[0], one[2]["action"]) for one in taken] == [
        ("installation_repositories", "removed"),
        ("github_app_authorization", "revoked"),
    ]
    assert taken[0][2]["repositories_removed"][0]["full_name"] == "acme/app"
    assert (await hub.refused("GET", P))[0] == 404
    assert (await hub.refused("GET", "/user", token=given.value))[0] == 401
    await hub.get("/repos/acme/other")


# GraphQL

_THREADS = """
query($owner: String!, $name: String!, $number: Int!, $after: String) {
  repository(owner: $owner, name: $name) {
    pullRequest(number: $number) {
      id isDraft mergeStateStatus
      reviewThreads(first: 1, after: $after) {
        nodes {
          id isResolved viewerCanResolve
          comments(first: 10) { nodes { databaseId author { __typename login } } }
        }
        pageInfo { hasNextPage endCursor }
      }
    }
  }
}
"""


async def test_threads_are_resolved(hub: Hub) -> None:
    await hub.pull()
    for line in (1, 3):
        comment = {"path": "a.txt", "line": line, "body": "Why?"}
        hub.fake.people.review("ada", hub.repo, 1, comments=[comment])
    names = {"owner": "acme", "name": "app", "number": 1}
    first = (await hub.graphql(_THREADS, **names))["data"]["repository"]["pullRequest"]["reviewThreads"]
    assert first["pageInfo"]["hasNextPage"] and first["nodes"][0]["comments"]["nodes"][0]["author"] == {
        "__typename": "User",
        "login": "ada",
    }
    after = first["pageInfo"]["endCursor"]
    last = (await hub.graphql(_THREADS, after=after, **names))["data"]["repository"]["pullRequest"]["reviewThreads"]
    assert not last["pageInfo"]["hasNextPage"] and last["nodes"][0]["id"] != first["nodes"][0]["id"]
    resolve = "mutation($t: ID!) { resolveReviewThread(input: {threadId: $t}) { thread { isResolved } } }"
    thread = first["nodes"][0]["id"]
    weak = hub.fake.world.installation_token(
        hub.installation, permissions={"pull_requests": "write", "contents": "read"}
    )
    said = await hub.graphql(resolve, weak.value, t=thread)
    assert said["errors"][0]["type"] == "FORBIDDEN" and said["data"] == {"resolveReviewThread": None}
    said = await hub.graphql(resolve, t=thread)
    assert said == {"data": {"resolveReviewThread": {"thread": {"isResolved": True}}}}
    assert (await hub.graphql(resolve, t="nonsense"))["errors"][0]["type"] == "NOT_FOUND"


async def test_what_the_schema_does_not_know(hub: Hub) -> None:
    world = hub.fake.world
    for query in (
        "query { viewer { nickname } }",
        "mutation { closeEverything(input: {}) { id } }",
        "query { viewer }",
        'query { repository(owner: "acme", name: "app", nmae: "x") { id } }',
        "query { viewer { login }",
    ):
        said = await hub.graphql(query)
        assert said["errors"][0]["message"] and "data" not in said
        if _schema():
            assert github_graphql.faults(query)
        world.requests.pop()
    assert [fault for fault in world.faults if "nickname" in fault]
    world.faults.clear()
    missing = await hub.graphql('query { repository(owner: "acme", name: "none") { id } }')
    assert missing["data"] == {"repository": None} and missing["errors"][0]["type"] == "NOT_FOUND"


async def test_draft_auto_merge_and_queue(hub: Hub) -> None:
    world, people = hub.fake.world, hub.fake.people
    made = await hub.pull(draft=True)
    id, head = made["node_id"], made["head"]["sha"]
    ready = (
        "mutation($p: ID!) { markPullRequestReadyForReview(input: {pullRequestId: $p}) { pullRequest { isDraft } } }"
    )
    draft = "mutation($p: ID!) { convertPullRequestToDraft(input: {pullRequestId: $p}) { pullRequest { isDraft } } }"
    for query, wanted in ((ready, False), (draft, True), (ready, False)):
        data = (await hub.graphql(query, p=id))["data"]
        assert next(iter(data.values()))["pullRequest"]["isDraft"] is wanted
    enable = """mutation($p: ID!, $h: GitObjectID) { enablePullRequestAutoMerge(input: {pullRequestId: $p,
        expectedHeadOid: $h, mergeMethod: SQUASH}) { pullRequest { autoMergeRequest { mergeMethod } } } }"""
    said = await hub.graphql(enable, p=id, h=head)
    assert said["errors"][0]["message"] == "Pull request is in clean status"
    world.protect(hub.repo, checks=["build"])
    data = (await hub.graphql(enable, p=id, h=head))["data"]
    assert data["enablePullRequestAutoMerge"]["pullRequest"]["autoMergeRequest"] == {"mergeMethod": "SQUASH"}
    assert (await hub.get(f"{P}/pulls/1"))["auto_merge"]["merge_method"] == "squash"
    people.check(hub.repo, head, "build", "success")
    assert (await hub.get(f"{P}/pulls/1"))["merged"] is True
    world.protect(hub.repo, queue="merge")
    second = await hub.pull("honk/y", {"y.txt": "y"})
    queue = """query { repository(owner: "acme", name: "app") { mergeQueue(branch: "main") {
        entries(first: 5) { totalCount nodes { position state pullRequest { number } } } }
        pullRequest(number: 2) { isInMergeQueue mergeQueueEntry { position } } } }"""
    enqueue = """mutation($p: ID!) { enqueuePullRequest(input: {pullRequestId: $p}) {
        mergeQueueEntry { id position state } } }"""
    dequeue = "mutation($p: ID!) { dequeuePullRequest(input: {id: $p}) { clientMutationId } }"
    entry = (await hub.graphql(enqueue, p=second["node_id"]))["data"]["enqueuePullRequest"]["mergeQueueEntry"]
    assert (entry["position"], entry["state"]) == (1, "AWAITING_CHECKS")
    found = (await hub.graphql(queue))["data"]["repository"]
    assert found["mergeQueue"]["entries"]["totalCount"] == 1 and found["pullRequest"]["isInMergeQueue"]
    assert "errors" not in await hub.graphql(dequeue, p=second["node_id"])
    assert (await hub.graphql(queue))["data"]["repository"]["pullRequest"]["mergeQueueEntry"] is None
    await hub.graphql(enqueue, p=second["node_id"])
    tip = people.advance_queue(hub.repo)
    assert (await hub.get(f"{P}/pulls/2"))["merge_commit_sha"] == tip


async def test_auto_merge_goes_through_the_queue(hub: Hub) -> None:
    made, people = await hub.pull(), hub.fake.people
    hub.fake.world.protect(hub.repo, checks=["build"], queue="squash")
    enable = "mutation($p: ID!) { enablePullRequestAutoMerge(input: {pullRequestId: $p}) { actor { login } } }"
    said = await hub.graphql(enable, p=made["node_id"])
    assert said["data"]["enablePullRequestAutoMerge"] == {"actor": {"login": "honk[bot]"}}
    running = people.check(hub.repo, made["head"]["sha"], "build", None)
    assert people.advance_queue(hub.repo) is None
    people.conclude(hub.repo, running, "success")
    assert (await hub.get(f"{P}/pulls/1"))["auto_merge"] is None
    assert people.advance_queue(hub.repo) is None, "what is required is required of the group too"
    people.check(hub.repo, hub.repo.groups[1].head_sha, "build", "success")
    assert people.advance_queue(hub.repo) == hub.repo.bare.branch("main")
    off = "mutation($p: ID!) { disablePullRequestAutoMerge(input: {pullRequestId: $p}) { clientMutationId } }"
    assert (await hub.graphql(off, p=made["node_id"]))["errors"][0]["type"] == "UNPROCESSABLE"


async def test_a_signed_commit_on_a_branch(hub: Hub) -> None:
    hub.fake.world.protect(hub.repo, "honk/s", signatures=True)
    main = hub.repo.bare.branch("main")
    await hub.post(f"{P}/git/refs", {"ref": "refs/heads/honk/s", "sha": main})
    create = """mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) {
        commit { oid url } ref { name } } }"""
    given = {
        "branch": {"repositoryNameWithOwner": "acme/app", "branchName": "honk/s"},
        "expectedHeadOid": main,
        "message": {"headline": "Change", "body": "Why"},
        "fileChanges": {
            "additions": [{"path": "new.txt", "contents": base64.b64encode(b"new").decode()}],
            "deletions": [{"path": "a.txt"}],
        },
    }
    made = (await hub.graphql(create, input=given))["data"]["createCommitOnBranch"]
    commit = await hub.get(f"{P}/commits/{made['commit']['oid']}")
    assert commit["commit"]["verification"]["verified"] and commit["author"]["login"] == "honk[bot]"
    assert {one["filename"]: one["status"] for one in commit["files"]} == {"a.txt": "removed", "new.txt": "added"}
    stale = await hub.graphql(create, input=given)
    assert stale["errors"][0]["type"] == "STALE_DATA"


def test_its_types_are_those_of_the_public_schema() -> None:
    if not _schema():
        pytest.skip("the GraphQL schema is not installed: scripts/partners installs it")
    schema = github_graphql.schema()
    for name, fields in TYPES.items():
        there: Any = schema.type_map[name]
        extra = [one for one in fields if one not in there.fields]
        assert not extra, (name, extra)
        for field, one in fields.items():
            unknown = set(one.arguments) - set(there.fields[field].args)
            assert not unknown, (name, field, unknown)
    mutations: Any = schema.type_map["Mutation"]
    assert set(MUTATIONS) <= set(mutations.fields)
