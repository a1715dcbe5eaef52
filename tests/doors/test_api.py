"""The API: who is let in, what errors look like, what a second delivery does, what is never served."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from api_world import ApiWorld, api_world

from honk.domain.access import Scope
from honk.domain.event import BuildReady, DeploymentStarted, TaskNoted
from honk.domain.person import Identity, IdentityKind
from honk.domain.policy import Act
from honk.testing.world import ADDRESS, Trap

pytestmark = pytest.mark.anyio
FIX = {"repository": ADDRESS, "instruction": "fix the crash"}
PNG = b"\x89PNG\r\n\x1a\n" + b"pixels"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        yield made


async def submitted(client: httpx.AsyncClient, **more: object) -> str:
    response = await client.post("/tasks", json={**FIX, **more})
    assert response.status_code == 201, response.text
    return str(response.json()["task"]["id"])


async def problem(response: httpx.Response, status: int) -> dict[str, object]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["status"] == status
    return dict(response.json())


async def test_a_task_from_instruction_to_deployment(door: ApiWorld) -> None:
    async with door.client() as client:
        id = await submitted(client)
        await door.world.settled(await door.world.app.ports.tasks.get(id))
        card = (await client.get(f"/tasks/{id}/card")).json()
        assert card["task"]["state"] == "proposed" and card["verdict"]["answer"] == "pass"
        pressed = await client.post(f"/tasks/{id}/merge", json={})
        assert pressed.status_code == 202
        task = await door.world.settled(await door.world.app.ports.tasks.get(id))
        assert task.state == "deployed"
        assert (await client.post(f"/tasks/{id}/undo")).status_code == 202


async def test_without_a_token_nothing_is_said(door: ApiWorld) -> None:
    async with httpx.AsyncClient(base_url=f"{door.url}/api/v1", trust_env=False) as client:
        for header in ({}, {"Authorization": "Bearer honk_nonsense"}, {"Authorization": "Basic YTpi"}):
            response = await client.get("/tasks", headers=header)
            said = await problem(response, 401)
            assert "honk token create" in str(said["remedy"])
            assert response.headers["www-authenticate"].startswith("Bearer")
        assert (await client.get("/openapi.json")).status_code == 200


async def test_nothing_is_read_of_somebody_without_a_token(door: ApiWorld) -> None:
    async with httpx.AsyncClient(base_url=f"{door.url}/api/v1", trust_env=False) as client:
        json_type = {"Content-Type": "application/json"}
        for path in ("/tasks", "/tasks/x/messages", "/tokens", "/nowhere"):
            await problem(await client.post(path, content=b"{not json", headers=json_type), 401)
        await problem(await client.patch("/tasks/x/messages/y", content=b"[]", headers=json_type), 401)
    async with door.client() as client:
        await problem(await client.post("/tasks", content=b"{not json", headers=json_type), 400)


async def test_a_revoked_token_opens_nothing(door: ApiWorld) -> None:
    async with door.client() as client:
        assert (await client.get("/about")).status_code == 200
        for token in await door.world.store.tokens.list():
            await door.world.store.tokens.revoke(token.id)
        await problem(await client.get("/about"), 401)


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        (Scope.READ, "GET", "/tasks"),
        (Scope.READ, "GET", "/tasks/x/events"),
        (Scope.ASK, "POST", "/tasks"),
        (Scope.ASK, "POST", "/images"),
        (Scope.ASK, "POST", "/files"),
        (Scope.STEER, "POST", "/tasks/x/messages"),
        (Scope.STEER, "POST", "/tasks/x/go"),
        (Scope.STEER, "POST", "/tasks/x/stop"),
        (Scope.STEER, "POST", "/tasks/x/retry"),
        (Scope.MERGE, "POST", "/tasks/x/merge"),
        (Scope.DEPLOY, "POST", "/tasks/x/undo"),
        (Scope.ADMINISTER, "GET", "/doctor"),
    ],
)
async def test_a_token_is_only_for_its_scopes(door: ApiWorld, scope: Scope, method: str, path: str) -> None:
    async with door.client(*(set(Scope) - {scope})) as client:
        body = {"text": "x", **FIX} if method == "POST" else None
        said = await problem(await client.request(method, path, json=body), 403)
        assert said["type"] == "urn:honk:error:not-allowed" and scope.value in str(said["detail"])


async def test_no_way_round_the_merge_scope(door: ApiWorld) -> None:
    async with door.client(*(set(Scope) - {Scope.MERGE, Scope.DEPLOY})) as client:
        await problem(await client.post("/tasks", json={**FIX, "merge": True}), 403)
        id = await submitted(client)
        await door.world.settled(await door.world.app.ports.tasks.get(id))
        for point in ("merge", "deploy"):
            await problem(await client.post(f"/tasks/{id}/retry", json={"point": point}), 403)
        assert (await door.world.now(await door.world.app.ports.tasks.get(id))).state == "proposed"


@pytest.mark.parametrize("how", ["merge", "by itself", "retry"])
async def test_no_deployment_by_merging_without_the_scope(door: ApiWorld, how: str) -> None:
    """As for a person without the right: it is merged, and waits for somebody who may deploy."""
    app = door.world.app
    async with door.client(*(set(Scope) - {Scope.DEPLOY})) as client, door.client() as whole:
        id = await submitted(client, merge=how == "by itself")
        task = await door.world.settled(await app.ports.tasks.get(id))
        if how != "by itself":
            path, body = ("merge", {}) if how == "merge" else ("retry", {"point": "merge"})
            assert (await client.post(f"/tasks/{id}/{path}", json=body)).status_code == 202
        while (task := await door.world.settled(task)).state in {"proposed", "merging"}:
            await asyncio.sleep(0.01)
        assert task.state == "merged" and "not for 'deploy'" in task.reason
        assert not [event for event in await door.world.log(task) if isinstance(event.data, DeploymentStarted)]
        refused = [one for one in await app.ports.audit.read(task=task.id) if not one.allowed]
        assert [(one.act, one.reason) for one in refused] == [(Act.DEPLOY, "the access token is not for 'deploy'")]
        await problem(await client.post(f"/tasks/{id}/merge", json={}), 403)
        assert (await whole.post(f"/tasks/{id}/merge", json={})).status_code == 202
        while (await door.world.now(task)).state != "deployed":
            await asyncio.sleep(0.01)


async def test_words_wait_are_changed_and_taken_back(door: ApiWorld) -> None:
    door.world.trap = Trap(place="workspaces.open")
    async with door.client() as client:
        id = await submitted(client)
        await door.world.trap.reached.wait()
        said = await client.post(f"/tasks/{id}/messages", json={"text": "friendlier", "handling": "queued"})
        message = said.json()["message"]
        assert said.json()["turn"] is None
        waiting = (await client.get(f"/tasks/{id}/messages")).json()
        assert [(one["message"]["text"], one["handling"], one["handed"]) for one in waiting] == [
            ("friendlier", "queued", False)
        ]
        edited = await client.patch(f"/tasks/{id}/messages/{message}", json={"text": "much friendlier"})
        assert edited.json()["text"] == "much friendlier"
        assert (await client.delete(f"/tasks/{id}/messages/{message}")).status_code == 200
        await problem(await client.delete(f"/tasks/{id}/messages/{message}"), 404)
        assert (await client.get(f"/tasks/{id}/messages")).json() == []


async def test_every_route_asks_for_a_token(door: ApiWorld) -> None:
    async with httpx.AsyncClient(base_url=f"{door.url}/api/v1", trust_env=False) as client:
        paths = (await client.get("/openapi.json")).json()["paths"]
        for path, methods in paths.items():
            for method in methods:
                url = path.replace("{number}", "1").replace("{", "").replace("}", "")
                response = await client.request(method, url, json={"text": "x", **FIX})
                assert response.status_code == 401, (method, path, response.text)


async def test_the_policy_is_asked_for_the_person_of_the_token(door: ApiWorld) -> None:
    bob = await door.world.store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="bob"), "Bob")
    async with door.client() as ada, door.client(person=bob) as client:
        id = await submitted(ada)
        await door.world.settled(await door.world.app.ports.tasks.get(id))
        door.world.policy.refused.add((bob.id, Act.MERGE))
        await problem(await client.post(f"/tasks/{id}/merge", json={}), 403)
        assert (await ada.post(f"/tasks/{id}/merge", json={})).status_code == 202


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("GET", "/tasks/nope", None, 404, "unknown"),
        ("POST", "/tasks", {"repository": ADDRESS}, 400, "usage"),
        ("POST", "/tasks", {"repository": ADDRESS, "instruction": " "}, 400, "usage"),
        ("POST", "/tasks", {"repository": ".", "instruction": "x"}, 400, "usage"),
        ("POST", "/tasks", {**FIX, "agent": "nobody"}, 400, "usage"),
        ("POST", "/tasks", {**FIX, "limits": {"usd": "much"}}, 400, "usage"),
        ("GET", "/tasks?limit=0", None, 400, "usage"),
        ("GET", "/tasks?state=happy", None, 400, "usage"),
    ],
)
async def test_errors_have_one_shape(
    door: ApiWorld, method: str, path: str, body: object, status: int, kind: str
) -> None:
    async with door.client() as client:
        said = await problem(await client.request(method, path, json=body), status)
        assert said["type"] == f"urn:honk:error:{kind}" and said["detail"]


async def test_what_makes_no_sense_now_is_a_conflict(door: ApiWorld) -> None:
    async with door.client() as client:
        id = await submitted(client)
        await door.world.settled(await door.world.app.ports.tasks.get(id))
        said = await problem(await client.post(f"/tasks/{id}/undo"), 409)
        assert "not deployed" in str(said["detail"]) and said["remedy"]


async def test_an_unknown_route_is_a_problem_too(door: ApiWorld) -> None:
    async with door.client() as client:
        assert "openapi.json" in str((await problem(await client.get("/nowhere"), 404))["remedy"])
        await problem(await client.delete("/tasks"), 405)


async def test_a_request_delivered_twice_is_one_task(door: ApiWorld) -> None:
    async with door.client() as client:
        key = {"Idempotency-Key": "message-1"}
        first, again = [(await client.post("/tasks", json=FIX, headers=key)).json() for _ in range(2)]
        assert first["task"]["id"] == again["task"]["id"]
        assert len((await client.get("/tasks")).json()["tasks"]) == 1
        other = {**FIX, "instruction": "something else"}
        said = await problem(await client.post("/tasks", json=other, headers=key), 400)
        assert "Idempotency-Key" in str(said["remedy"])
        elsewhere = {**FIX, "repository": "/somewhere/else"}
        await problem(await client.post("/tasks", json=elsewhere, headers=key), 400)
        assert (await client.post("/tasks", json=FIX, headers={"Idempotency-Key": "2"})).json()["task"] != first["task"]


async def test_keys_of_two_people_never_meet(door: ApiWorld) -> None:
    bob = await door.world.store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="bob"), "Bob")
    async with door.client() as ada, door.client(person=bob) as client:
        key = {"Idempotency-Key": "1"}
        mine, his = [(await one.post("/tasks", json=FIX, headers=key)).json()["task"]["id"] for one in (ada, client)]
        assert mine != his


async def test_a_reply_delivered_twice_is_one_turn(door: ApiWorld) -> None:
    async with door.client() as client:
        id = await submitted(client)
        await door.world.settled(await door.world.app.ports.tasks.get(id))
        for _ in range(2):
            said = await client.post(
                f"/tasks/{id}/messages", json={"text": "friendlier"}, headers={"Idempotency-Key": "r"}
            )
            assert said.status_code == 202
        task = await door.world.settled(await door.world.app.ports.tasks.get(id))
        assert task.turn == 2


async def test_a_body_that_is_too_large_is_not_read(door: ApiWorld) -> None:
    async def of_unknown_length() -> AsyncIterator[bytes]:
        for _ in range(129):
            yield b"x" * 65536

    async with door.client() as client:
        await problem(await client.post("/images", content=b"x" * (9 << 20)), 413)
        response = await client.post("/images", content=of_unknown_length())
        await problem(response, 413)


async def test_while_the_server_ends_it_takes_no_new_work(door: ApiWorld) -> None:
    async with door.client() as client:
        door.closing = True
        response = await client.post("/tasks", json=FIX)
        await problem(response, 503)
        assert response.headers["retry-after"]
        assert (await client.get("/tasks")).status_code == 200


async def test_pictures_are_checked_and_nothing_else_goes_with_words(door: ApiWorld) -> None:
    async with door.client() as client:
        await problem(await client.post("/images", content=b"<svg>"), 400)
        image = (await client.post("/images?name=a.png", content=PNG)).json()
        assert image["media_type"] == "image/png" and image["name"] == "a.png"
        id = await submitted(client, images=[image])
        turn = (await client.get(f"/tasks/{id}/turns/1")).json()
        assert turn["message"]["images"] == [image]
        # whatever else lies in the shelf, such as the build of somebody's task
        digest = await door.world.app.ports.artifacts.put(b"a build")
        other = {"name": "x", "media_type": "image/png", "digest": digest}
        await problem(await client.post("/tasks", json={**FIX, "images": [other]}), 400)


async def test_files_go_with_words_when_somebody_uploaded_them(door: ApiWorld) -> None:
    async with door.client() as client:
        content = b"\0x" * (5 << 20)  # more than any other body may have
        sent = await client.post("/files", params={"name": "../../\u202ecore\n.dump"}, content=content)
        assert sent.status_code == 201
        file = sent.json()
        assert (file["name"], file["size"]) == ("core.dump", len(content))
        assert file["media_type"] == "application/octet-stream"
        # what a client makes of it afterwards is not believed
        lying = {**file, "name": "/etc/x.png", "media_type": "image/png", "size": 1}
        id = await submitted(client, files=[lying], context="Ada: it dies\0")
        turn = (await client.get(f"/tasks/{id}/turns/1")).json()
        assert turn["message"]["files"] == [{**file, "name": "x.png"}]
        assert turn["message"]["context"] == "Ada: it dies"
        await problem(await client.post("/tasks", json={**FIX, "files": [file] * 10_000}), 400)
        digest = await door.world.app.ports.artifacts.put(b"the build of somebody's task")
        await problem(await client.post("/tasks", json={**FIX, "files": [{**file, "digest": digest}]}), 400)
        await problem(await client.post("/tasks", json={**FIX, "files": [{**file, "digest": "../x"}]}), 400)


async def test_a_file_that_is_too_large_is_not_read(door: ApiWorld) -> None:
    async def of_unknown_length() -> AsyncIterator[bytes]:
        for _ in range(101):
            yield b"x" * (1 << 20)

    async with door.client() as client:
        await problem(await client.post("/files", content=of_unknown_length()), 413)
    assert not list((door.world.home / "artifacts").rglob("*"))


async def test_artifacts_are_files_without_rights(door: ApiWorld) -> None:
    async with door.client() as client:
        id = await submitted(client)
        task = await door.world.settled(await door.world.app.ports.tasks.get(id))
        build = next(e.data for e in await door.world.log(task) if isinstance(e.data, BuildReady))
        listed = (await client.get(f"/tasks/{id}/artifacts")).json()
        assert [one["kind"] for one in listed if one["digest"] == build.digest] == ["build"]
        response = await client.get(f"/tasks/{id}/artifacts/{build.digest}")
        assert response.content == await door.world.app.ports.artifacts.get(build.digest)
        assert response.headers["content-disposition"].startswith("attachment")
        assert "sandbox" in response.headers["content-security-policy"]
        assert response.headers["x-content-type-options"] == "nosniff"
        stray = await door.world.app.ports.artifacts.put(b"of nobody")
        await problem(await client.get(f"/tasks/{id}/artifacts/{stray}"), 404)
        await problem(await client.get(f"/tasks/{id}/artifacts/..%2f..%2fhonk.db"), 404)


async def test_lists_are_filtered_and_paged(door: ApiWorld) -> None:
    async with door.client() as client:
        ids = [await submitted(client) for _ in range(5)]
        for id in ids:
            await door.world.settled(await door.world.app.ports.tasks.get(id))
        found, before = [], ""
        while True:
            page = (await client.get("/tasks", params={"limit": 2, "before": before})).json()
            found += [task["id"] for task in page["tasks"]]
            if page["next"] is None:
                break
            before = page["next"]
        assert found == ids[::-1]
        assert (await client.get("/tasks?state=failed")).json()["tasks"] == []
        assert len((await client.get("/tasks?state=proposed&state=failed")).json()["tasks"]) == 5
        assert len((await client.get(f"/tasks?repository={ADDRESS}")).json()["tasks"]) == 5
        assert (await client.get("/tasks?repository=other")).json()["tasks"] == []


async def test_a_page_of_events_and_names_that_are_not_utf8(door: ApiWorld) -> None:
    async with door.client() as client:
        id = await submitted(client)
        task = await door.world.settled(await door.world.app.ports.tasks.get(id))
        await door.world.store.events.record(task.id, 1, TaskNoted(text="a name \udcff and a line\nbreak"))
        log = await door.world.log(task)
        page = (await client.get(f"/tasks/{id}/events", params={"after": 2})).json()
        assert [one["seq"] for one in page] == [event.seq for event in log if event.seq > 2]
        assert page[-1]["data"]["text"] == "a name \udcff and a line\nbreak"
        assert len((await client.get(f"/tasks/{id}/events", params={"limit": 3})).json()) == 3


async def test_no_other_page_may_read_the_answers(door: ApiWorld) -> None:
    async with door.client() as client:
        response = await client.get("/tasks", headers={"Origin": "https://elsewhere.example"})
        assert not [name for name in response.headers if name.startswith("access-control-")]
        preflight = await client.options("/tasks", headers={"Access-Control-Request-Method": "POST"})
        assert preflight.status_code == 405


async def test_the_description_is_whole(door: ApiWorld) -> None:
    async with door.client() as client:
        schema = json.loads((await client.get("/openapi.json")).text)
    for path, methods in schema["paths"].items():
        for method, route in methods.items():
            where = f"{method} {path}"
            assert route["summary"], where
            good = [code for code in route["responses"] if code.startswith("2")]
            assert good, where
            if method == "head" or good == ["204"]:  # which have no body
                continue
            answers = [route["responses"][code]["content"] for code in good]
            assert all(answers), where
            json_answers = [one["application/json"] for one in answers if "application/json" in one]
            assert all(one.get("schema") for one in json_answers), where
            assert {"400", "401", "403", "500"} <= set(route["responses"]), where
            problems = [one for code, one in route["responses"].items() if not code.startswith("2")]
            assert all("application/problem+json" in one["content"] for one in problems), where
            assert route["security"], where


async def test_two_presses_with_one_key_are_one_merge(door: ApiWorld) -> None:
    async with door.client() as client:
        id = await submitted(client)
        await door.world.settled(await door.world.app.ports.tasks.get(id))
        key = {"Idempotency-Key": "press"}
        acts = await asyncio.gather(*(client.post(f"/tasks/{id}/merge", json={}, headers=key) for _ in range(3)))
        assert len({one.json()["act"] for one in acts}) == 1
        task = await door.world.settled(await door.world.app.ports.tasks.get(id))
        assert [e.type for e in await door.world.log(task)].count("merge.done") == 1


@pytest.mark.parametrize(
    "more",
    [
        {"instruction": "fix the crash\0"},
        {"instruction": "fix the \ud800crash"},
        {"base": "ma\0in"},
        {"model": "\udfff"},
        {"verify": ["make \0"]},
        {"limits": {"usd": -1}},
        {"limits": {"usd": 1e10}},
        {"limits": {"calls": 10**30}},
        {"limits": {"seconds": -0.5}},
    ],
)
async def test_what_no_commit_command_or_limit_can_be_is_refused(door: ApiWorld, more: dict[str, object]) -> None:
    async with door.client() as client:
        response = await client.post("/tasks", content=json.dumps({**FIX, **more}))
        assert (await problem(response, 400))["remedy"]
        response = await client.post("/tasks", content=json.dumps({**FIX, "limits": {"usd": float("inf")}}))
        await problem(response, 400)
        assert (await client.get("/tasks")).json()["tasks"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/tasks/last/events?after=99999999999999999999",
        "/tasks/last/turns/99999999999999999999",
        "/tasks/last/turns/-1",
        "/audit?before=99999999999999999999",
        "/audit?since=0001-01-01T00:00:00%2B14:00",
        "/audit?since=9999-12-31T23:59:59-14:00",
    ],
)
async def test_numbers_and_times_that_no_database_takes_are_wrong_usage(door: ApiWorld, path: str) -> None:
    async with door.client() as client:
        await submitted(client)
        await problem(await client.get(path), 400)
