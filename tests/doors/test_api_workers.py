"""Workers elsewhere over the API: what they get, and what one that is hostile does not."""

import hashlib
import io
import tarfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from api_world import ApiWorld, api_world
from test_api_uploading import append, become, meta, zipped

from honk.domain.access import Scope
from honk.domain.event import BuildFailed, BuildReady, BuildWaits, DeploymentWaits, StepProgressed
from honk.domain.policy import Act
from honk.domain.remote_job import JobKind, JobState, Rights
from honk.domain.task import State, Task
from honk.doors.api import PREFIX
from honk.errors import Usage
from honk.service import Approval, Reply
from honk.testing.world import APP

pytestmark = pytest.mark.anyio
APK = zipped("AndroidManifest.xml", "classes.dex", filled=500)
CONFIG = b"""
[build]
command = "make app"
version = "1.4.{number}"
output = "app.apk"
kind = "android"
labels = ["macos", "xcode"]
"""
DEPLOYS = CONFIG + b'[deploy]\ncommand = "ship"\nlabels = ["prod"]\n'
HERE = {"name": "mac-1", "labels": ["macos", "xcode"], "kinds": ["build"], "host": "mac", "user": "builder"}


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        yield made


@asynccontextmanager
async def worker(door: ApiWorld, labels: str = "macos xcode", kinds: str = "build") -> AsyncIterator[httpx.AsyncClient]:
    rights = Rights(labels=frozenset(labels.split()), kinds=frozenset(JobKind(one) for one in kinds.split()))
    issued = await door.world.app.issue_worker_token(door.ada, "mac", rights, None)
    headers = {"Authorization": f"Bearer {issued.secret.reveal()}"}
    async with httpx.AsyncClient(base_url=door.url + PREFIX, headers=headers, trust_env=False) as client:
        yield client


async def asked(door: ApiWorld, config: bytes = CONFIG) -> Task:
    """A task whose build waits for a worker."""
    code = door.world.code
    tip = code.branches["main"]
    tree = code.tree({**code.files(tip), ".honk.toml": config})
    code.branches["main"] = code.commit(tree, (tip,), "configured")
    made = await door.world.settled(await door.world.ask())
    assert made.state is State.PROPOSED, made.reason
    return made


async def claim(client: httpx.AsyncClient, **more: object) -> dict[str, Any] | None:
    answer = await client.post("/jobs/claim", json={**HERE, **more})
    assert answer.status_code == 200, answer.text
    job: dict[str, Any] | None = answer.json()["job"]
    return job


async def say(client: httpx.AsyncClient, job: dict[str, Any], what: str, body: object = None, lease: str = "") -> int:
    headers = {"Honk-Lease": lease or job["lease"]}
    answer = await client.post(f"/jobs/{job['id']}/{what}", json=body, headers=headers)
    assert answer.status_code < 500, answer.text
    return answer.status_code


async def uploaded(client: httpx.AsyncClient, job: dict[str, Any], content: bytes) -> httpx.Response:
    known = {
        "job": job["id"],
        "lease": job["lease"],
        "filename": "a.apk",
        "sha256": hashlib.sha256(content).hexdigest(),
    }
    headers = {"Upload-Length": str(len(content)), "Upload-Metadata": meta(**known)}
    begun = await client.post("/uploads", headers=headers)
    if begun.status_code != 201:
        return begun
    return await append(client, begun.json()["id"], 0, content)


async def ended(door: ApiWorld, id: str) -> JobState:
    return (await door.world.store.jobs.get(id)).state


async def test_a_build_by_a_worker(door: ApiWorld) -> None:
    task = await asked(door)
    [waits] = [one.data for one in await door.world.log(task) if isinstance(one.data, BuildWaits)]
    assert waits.reason == "waits for a worker with macos, xcode that may build; none has been here"
    async with worker(door) as client, door.client() as person:
        assert (await person.get(f"/tasks/{task.id}/card")).json()["notes"] == [f"the build {waits.reason}"]
        assert (await person.get("/workers")).json()["jobs"][0]["reason"] == waits.reason
        job = await claim(client)
        assert job is not None and (job["command"], job["commit"]) == (
            "make app",
            (await door.world.pull_request(task)).head,
        )
        assert dict(job["variables"]) == {"HONK_BUILD_NUMBER": "1", "HONK_VERSION": "1.4.1"}
        assert await claim(client) is None
        assert (await person.get(f"/tasks/{task.id}/card")).json()["notes"] == []
        shown = (await person.get("/workers")).text
        assert job["lease"] not in shown and '"worker":"mac-1"' in shown.replace(" ", "")
        source = await client.get(f"/jobs/{job['id']}/source", headers={"Honk-Lease": job["lease"]})
        with tarfile.open(fileobj=io.BytesIO(source.content)) as archive:
            content = archive.extractfile(f"./{APP}")
            assert content is not None and content.read() == b"fixed"
        with anyio.fail_after(10):
            while list((door.world.home / "checkouts").glob("source-*")):
                await anyio.sleep(0.01)
        assert await say(client, job, "beat") == 204
        assert await say(client, job, "log", {"text": "compiling\u202e\x1b[31m\n"}) == 204
        assert (await uploaded(client, job, APK)).status_code == 204
        assert await ended(door, job["id"]) is JobState.DONE
        assert await say(client, job, "beat") == 409
    await door.world.settled(task)
    log = [one.data for one in await door.world.log(task)]
    assert [one.kind for one in log if isinstance(one, BuildReady)] == ["android"]
    told = [one.detail for one in log if isinstance(one, StepProgressed)]
    assert "worker mac-1 has it" in told and any(one.startswith("compiling") and "\u202e" not in one for one in told)


async def test_a_failed_build_is_told(door: ApiWorld) -> None:
    task = await asked(door)
    async with worker(door) as client:
        job = await claim(client)
        assert job is not None
        await say(client, job, "log", {"text": "no such scheme\n"})
        assert await say(client, job, "end", {"state": "done"}) == 409
        for _ in range(2):
            assert await say(client, job, "end", {"state": "failed", "reason": "ended with 65"}) == 204
    [failed] = [one.data for one in await door.world.log(task) if isinstance(one.data, BuildFailed)]
    assert (failed.reason, failed.output) == ("ended with 65", "no such scheme\n")


async def test_wrong_labels_and_kinds_get_nothing(door: ApiWorld) -> None:
    await asked(door)
    async with worker(door, "linux") as client:
        assert await claim(client, labels=["linux"]) is None
        for more in ({"labels": ["linux", "macos"]}, {"labels": ["linux"], "kinds": ["sign"]}):
            assert (await client.post("/jobs/claim", json={**HERE, **more})).status_code == 403
    async with door.client() as person:
        assert (await person.post("/jobs/claim", json=HERE)).status_code == 403
    async with worker(door) as client:
        for more in ({"kinds": []}, {"labels": []}, {"labels": ["a b"]}, {"name": "\n"}, {"user": "x" * 101}):
            assert (await client.post("/jobs/claim", json={**HERE, **more})).status_code in {400, 403}, more
        for path in ("/tasks", "/workers", "/tokens", "/doctor"):
            assert (await client.get(path)).status_code == 403
        assert (
            await client.post("/worker-tokens", json={"name": "x", "labels": ["a"], "kinds": ["sign"]})
        ).status_code == 403


async def test_the_job_of_somebody_else(door: ApiWorld) -> None:
    await asked(door)
    async with worker(door) as client, worker(door) as other, worker(door, "linux") as stranger:
        job = await claim(client)
        assert job is not None
        for who, lease, status in ((other, "0" * 32, 409), (stranger, job["lease"], 404)):
            headers = {"Honk-Lease": lease}
            for what, body in (("beat", None), ("begin", None), ("log", {"text": "x"}), ("end", {"state": "failed"})):
                assert await say(who, job, what, body, lease) == status, what
            for what in ("source", "artifact"):
                assert (await who.get(f"/jobs/{job['id']}/{what}", headers=headers)).status_code in {404, 409}
            assert (await uploaded(who, {**job, "lease": lease}, APK)).status_code == status
        begun = await client.post(
            "/uploads",
            headers={
                "Upload-Length": str(len(APK)),
                "Upload-Metadata": meta(job=job["id"], lease=job["lease"], filename="a"),
            },
        )
        id = begun.json()["id"]
        for who in (other, stranger):
            assert (await who.get(f"/uploads/{id}")).status_code == 404
            assert (await append(who, id, 0, APK)).status_code == 404
        async with door.client() as person:
            assert (await person.get(f"/uploads/{id}")).status_code == 404
        assert await ended(door, job["id"]) is JobState.LEASED


async def test_a_lease_that_ran_out_and_was_given_to_another(door: ApiWorld) -> None:
    await asked(door)
    clock = door.world.clock
    async with worker(door) as client, worker(door) as other:
        first = await claim(client)
        assert first is not None
        clock.now += timedelta(minutes=2)  # type: ignore[attr-defined]
        second = await claim(other, name="mac-2")
        assert second is not None and second["id"] == first["id"] and second["lease"] != first["lease"]
        assert await say(client, first, "beat") == 409
        assert (await uploaded(client, first, APK)).status_code == 409
        assert await say(client, first, "end", {"state": "failed"}) == 409
        assert (await uploaded(other, second, APK)).status_code == 204


async def test_a_job_that_is_cut_off_again_and_again_is_given_up(door: ApiWorld) -> None:
    task = await asked(door)
    async with worker(door) as client:
        for _ in range(3):
            assert await claim(client) is not None
            door.world.clock.now += timedelta(minutes=2)  # type: ignore[attr-defined]
        assert await claim(client) is None
    await door.world.app.look_at_jobs()
    [failed] = [one.data for one in await door.world.log(task) if isinstance(one.data, BuildFailed)]
    assert failed.reason.startswith("it was cut off 3 times; mac-1 was not heard of since")


async def test_a_log_that_is_too_large(door: ApiWorld) -> None:
    task = await asked(door)
    async with worker(door) as client:
        job = await claim(client)
        assert job is not None
        assert await say(client, job, "log", {"text": "x" * (9 << 20)}) == 413
        change = door.world.store.jobs.change
        await change(job["id"], lambda one: replace(one, printed_in_all=(4 << 20) - 200, told=199))
        for number in range(3):
            status = await say(client, job, "log", {"text": f"line {number}\n" + "z" * 90})
            assert status == (204 if number < 2 else 413)
        await change(job["id"], lambda one: replace(one, printed_in_all=0))
        assert await say(client, job, "log", {"text": "y" * 100_000}) == 204
    assert len((await door.world.store.jobs.get(job["id"])).said) == 64 << 10
    told = [one.data.detail for one in await door.world.log(task) if isinstance(one.data, StepProgressed)]
    assert len([one for one in told if one.startswith("zzz")]) == 1 and not any(one.startswith("yyy") for one in told)


async def test_what_an_agent_wrote_never_runs_beside_keys(door: ApiWorld) -> None:
    async with door.client() as person:
        for kinds in (["build", "sign"], ["build", "deploy"], []):
            made = await person.post("/worker-tokens", json={"name": "x", "labels": ["a"], "kinds": kinds})
            assert made.status_code == 400, kinds
    await asked(door)
    async with worker(door, "signing", "sign") as signer, worker(door) as builder:
        assert await claim(signer, name="s", labels=["signing"], kinds=["sign"]) is None
        refused = await builder.post("/jobs/claim", json=HERE)
        assert refused.status_code == 403 and "never runs beside keys" in refused.json()["detail"]
        assert await claim(builder, user="another") is not None
        assert (
            await signer.post(
                "/jobs/claim", json={**HERE, "name": "s", "user": "another", "labels": ["signing"], "kinds": ["sign"]}
            )
        ).status_code == 403


async def test_a_token_for_who_may_administer_alone(door: ApiWorld) -> None:
    async with door.client(Scope.READ, Scope.DEPLOY) as client:
        wanted = {"name": "x", "labels": ["a"], "kinds": ["build"]}
        assert (await client.post("/worker-tokens", json=wanted)).status_code == 403
        assert (await client.post("/jobs/none/settle", json={"live": True})).status_code == 404
    async with door.client(Scope.READ, Scope.ADMINISTER) as client:
        assert (await client.post("/worker-tokens", json={**wanted, "kinds": ["deploy"]})).status_code == 403
    async with door.client(Scope.ADMINISTER) as client:
        assert (await client.post("/worker-tokens", json=wanted)).status_code == 403
    with pytest.raises(Usage):
        await door.world.app.issue_worker_token(
            door.ada, "x", Rights(labels=frozenset("a"), kinds=frozenset(JobKind)), None
        )
    async with door.client() as client:
        made = (await client.post("/worker-tokens", json={**wanted, "days": 1})).json()
        listed = next(one for one in (await client.get("/tokens")).json() if one["id"] == made["token"]["id"])
        assert (listed["scopes"], listed["labels"], listed["kinds"]) == ([], ["a"], ["build"])
        await client.delete(f"/tokens/{made['token']['id']}")
        gone = {"Authorization": f"Bearer {made['secret']}"}
        assert (await client.post("/jobs/claim", json=HERE, headers=gone)).status_code == 401


async def test_a_newer_commit_takes_the_place_of_an_older_one(door: ApiWorld) -> None:
    task = await asked(door)
    async with worker(door) as client:
        old = await claim(client)
        assert old is not None
        await door.local(door.ada).reply(task.id, Reply(text="friendlier"))
        await door.world.settled(task)
        assert await say(client, old, "beat") == 409
        assert (await uploaded(client, old, APK)).status_code == 409
        new = await claim(client)
        assert new is not None and new["commit"] != old["commit"]


async def test_a_server_that_was_killed_between_the_last_byte_and_the_build(door: ApiWorld) -> None:
    task = await asked(door)
    async with worker(door) as client:
        job = await claim(client)
        assert job is not None
        door.world.troubles["journal.start"] = [RuntimeError("killed")]
        assert (await uploaded(client, job, APK)).status_code == 500
        await door.world.app.finish_uploads()
        [upload] = [one for one in await door.world.app.ports.uploads.complete()] or [None]
        assert await ended(door, job["id"]) is JobState.DONE
        if upload is not None:
            await become(client, upload.id)
    await door.world.settled(task)
    assert (await door.world.store.records.build(task.id)) is not None


# ── deployments ────────────────────────────────────────────────────────────────────────────────
SHIPS = b"""
[build]
command = "build"
output = "built"
[deploy]
command = "ship"
labels = ["prod"]
"""
PROD = {"name": "prod-1", "labels": ["prod"], "kinds": ["deploy"], "user": "prod"}


async def merged(door: ApiWorld) -> Task:
    task = await asked(door, SHIPS)
    await door.local(door.ada).merge(task.id, Approval())
    return await door.world.settled(task)


async def reasons(door: ApiWorld, task: Task) -> list[str]:
    return [one.data.reason for one in await door.world.log(task) if isinstance(one.data, DeploymentWaits)]


async def test_a_deployment_by_a_worker_and_its_undo(door: ApiWorld) -> None:
    task = await merged(door)
    assert (task.state, task.reason) == (State.DEPLOYING, "a worker with prod deploys it to production")
    assert await reasons(door, task) == ["waits for a worker with prod that may deploy; none has been here"]
    second = await door.world.settled(await door.world.ask("bump"))
    async with worker(door, "prod", "deploy") as client:
        await _shipped(client)
        assert (await door.world.settled(task)).state is State.DEPLOYED
        assert await reasons(door, task) == [(await reasons(door, task))[0], ""]
        await door.local(door.ada).merge(second.id, Approval())
        await door.world.settled(second)
        await _shipped(client)
        assert (await door.world.settled(second)).state is State.DEPLOYED
        await door.local(door.ada).undo(second.id)
        await door.world.settled(second)
        undone = await _shipped(client)
        live = await door.world.settled(second)
        assert live.state is State.MERGED and live.reason.startswith("undone: production is at ")
    first, *_ = [one for one in await door.world.store.jobs.list() if one.task == task.id]
    assert (undone["commit"], undone["digest"]) == (first.commit, first.digest)


async def _shipped(client: httpx.AsyncClient) -> dict[str, Any]:
    job = await claim(client, **PROD)
    assert job is not None and job["command"] == "ship"
    artifact = await client.get(f"/jobs/{job['id']}/artifact", headers={"Honk-Lease": job["lease"]})
    assert hashlib.sha256(artifact.content).hexdigest() == job["digest"]
    assert await say(client, job, "begin") == 204
    assert await say(client, job, "end", {"state": "done"}) == 204
    return job


async def test_a_deployment_brings_nothing_back(door: ApiWorld) -> None:
    await merged(door)
    async with worker(door, "prod", "deploy") as client:
        job = await claim(client, **PROD)
        assert job is not None and (await uploaded(client, job, APK)).status_code == 400
        assert await ended(door, job["id"]) is JobState.LEASED


async def test_a_deployment_that_fails(door: ApiWorld) -> None:
    task = await merged(door)
    async with worker(door, "prod", "deploy") as client:
        job = await claim(client, **PROD)
        assert job is not None
        await say(client, job, "begin")
        await say(client, job, "log", {"text": "no route to host\n"})
        assert await say(client, job, "end", {"state": "failed", "reason": "the command ended with 7"}) == 204
    now = await door.world.settled(task)
    assert now.state is State.MERGED
    assert now.reason.startswith("the deployment failed at the worker: the command ended with 7")


@pytest.mark.parametrize(("live", "state"), [(True, State.DEPLOYED), (False, State.MERGED)])
async def test_a_deployment_in_doubt_is_asked_about_and_given_to_nobody(
    door: ApiWorld, live: bool, state: State
) -> None:
    task = await merged(door)
    async with worker(door, "prod", "deploy") as client, door.client() as person:
        unbegun = await claim(client, **PROD)
        door.world.clock.now += timedelta(minutes=2)  # type: ignore[attr-defined]
        job = await claim(client, **PROD)
        assert unbegun is not None and job is not None and job["id"] == unbegun["id"], "nothing had happened"
        assert (await person.post(f"/jobs/{job['id']}/settle", json={"live": live})).status_code == 409
        await say(client, job, "begin")
        door.world.clock.now += timedelta(minutes=2)  # type: ignore[attr-defined]
        assert await claim(client, **PROD) is None
        await door.world.app.look_at_jobs()
        await door.world.app.look_at_jobs()
        asked_about = (await reasons(door, task))[-1]
        assert f"nobody knows whether it is live; look, and say so: honk workers settle {job['id']}" in asked_about
        assert (await door.world.now(task)).state is State.DEPLOYING
        assert await say(client, job, "end", {"state": "done"}, lease="0" * 32) == 409
        settled = await person.post(f"/jobs/{job['id']}/settle", json={"live": live})
        assert settled.status_code == 200, settled.text
        assert await say(client, job, "end", {"state": "failed"}) == 409, "a person has said it"
    assert (await door.world.settled(task)).state is state


async def test_a_worker_that_comes_back_knows_what_became_of_it(door: ApiWorld) -> None:
    task = await merged(door)
    async with worker(door, "prod", "deploy") as client:
        job = await claim(client, **PROD)
        assert job is not None
        await say(client, job, "begin")
        door.world.clock.now += timedelta(hours=2)  # type: ignore[attr-defined]
        await door.world.app.look_at_jobs()
        assert await ended(door, job["id"]) is JobState.DOUBT
        for _ in range(2):
            assert await say(client, job, "end", {"state": "done"}) == 204
    assert (await door.world.settled(task)).state is State.DEPLOYED


async def test_a_person_without_the_right_settles_nothing(door: ApiWorld) -> None:
    await merged(door)
    async with worker(door, "prod", "deploy") as client:
        job = await claim(client, **PROD)
        assert job is not None
        await say(client, job, "begin")
        await say(client, job, "end", {"state": "doubt", "reason": "cut off"})
        async with door.client(Scope.MERGE) as other:
            assert (await other.post(f"/jobs/{job['id']}/settle", json={"live": True})).status_code == 403
        door.world.policy.refused.add((door.ada.id, Act.DEPLOY))
        async with door.client() as other:
            assert (await other.post(f"/jobs/{job['id']}/settle", json={"live": True})).status_code == 403
        assert await ended(door, job["id"]) is JobState.DOUBT


async def test_a_merged_commit_that_was_not_built_is_built_first(door: ApiWorld) -> None:
    task = await asked(door, DEPLOYS)
    async with worker(door) as client, worker(door, "prod", "deploy") as prod:
        job = await claim(client)
        assert job is not None and (await uploaded(client, job, APK)).status_code == 204
        await door.world.settled(task)
        door.world.somebody_commits("main", {"other.txt": b"moved"})
        await door.local(door.ada).merge(task.id, Approval())
        waits = await door.world.settled(task)
        assert waits.state is State.MERGED and "a worker builds the merged commit first" in waits.reason
        job = await claim(client)
        assert job is not None and (await uploaded(client, job, APK + b"")).status_code == 204
        await door.world.settled(task)
        await door.local(door.ada).merge(task.id, Approval())
        await door.world.settled(task)
        await _shipped(prod)
    assert (await door.world.settled(task)).state is State.DEPLOYED
