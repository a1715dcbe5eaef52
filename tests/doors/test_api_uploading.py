"""Builds that somebody's CI uploads: resumed, bounded, checked by content, and let in by a token for one task."""

import base64
import hashlib
import io
import json
import tarfile
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import httpx
import pytest
from api_world import ApiWorld, api_world

from honk.domain.access import Scope
from honk.domain.event import BuildReady, BuildUploaded
from honk.domain.policy import Act
from honk.domain.task import State, Task
from honk.domain.upload import UploadState
from honk.doors.api import PREFIX
from honk.errors import DiskFull
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio
KIND = "application/offset+octet-stream"


def zipped(*names: str, filled: int = 0) -> bytes:
    """A zip archive with these files."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x" * (filled or 10))
    return made.getvalue()


def tarred(*names: str, mode: str = "w") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name in names:
            entry = tarfile.TarInfo(name)
            entry.size = 5
            archive.addfile(entry, io.BytesIO(b"hello"))
    return made.getvalue()


APK = zipped("AndroidManifest.xml", "classes.dex", filled=500)


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        yield made


@pytest.fixture
async def task(door: ApiWorld) -> Task:
    made = await door.world.settled(await door.world.ask())
    assert made.state is State.PROPOSED
    return made


async def head_of(door: ApiWorld, task: Task) -> str:
    return (await door.world.pull_request(task)).head


def meta(**known: str) -> str:
    return ",".join(f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in known.items())


async def begin(client: httpx.AsyncClient, size: int, **known: str) -> httpx.Response:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": str(size), "Upload-Metadata": meta(**known)}
    return await client.post("/uploads", headers=headers)


async def append(client: httpx.AsyncClient, id: str, offset: int | str, content: Any, **more: str) -> httpx.Response:
    headers = {"Tus-Resumable": "1.0.0", "Upload-Offset": str(offset), "Content-Type": KIND}
    return await client.patch(f"/uploads/{id}", headers={**headers, **more}, content=content)


async def become(client: httpx.AsyncClient, id: str) -> dict[str, Any]:
    """The upload once it is a build, or was refused."""
    with anyio.fail_after(10):
        while (found := (await client.get(f"/uploads/{id}")).json())["state"] not in {"built", "refused"}:
            await anyio.sleep(0.01)
    return dict(found)


@asynccontextmanager
async def ci(door: ApiWorld, task: Task) -> AsyncIterator[httpx.AsyncClient]:
    """A program with a token for the builds of that task."""
    issued = await door.world.app.issue_build_token(door.ada, task, 24)
    headers = {"Authorization": f"Bearer {issued.secret.reveal()}"}
    async with httpx.AsyncClient(base_url=door.url + PREFIX, headers=headers, trust_env=False) as client:
        yield client


async def upload(client: httpx.AsyncClient, content: bytes, **known: str) -> dict[str, Any]:
    begun = await begin(client, len(content), **known)
    assert begun.status_code == 201, begun.text
    id = begun.json()["id"]
    assert begun.headers["Location"] == f"/api/v1/uploads/{id}"
    sent = await append(client, id, int(begun.headers["Upload-Offset"]), content[int(begun.headers["Upload-Offset"]) :])
    assert sent.status_code == 204, sent.text
    return await become(client, id)


async def test_an_upload_becomes_a_build_as_honks_own_do(door: ApiWorld, task: Task) -> None:
    head = await head_of(door, task)
    async with ci(door, task) as client:
        done = await upload(
            client, APK, commit=head[:10], filename="../../app.apk", sha256=hashlib.sha256(APK).hexdigest()
        )
    assert (done["kind"], done["commit"], done["name"], done["older"]) == ("apk", head, "app.apk", False)
    build = await door.world.store.records.build(task.id)
    assert build is not None and (build.id, build.kind) == (done["build"], "android")
    assert build.package is not None and build.package.size == len(APK)
    assert done["url"] == build.preview_url
    assert door.world.app.ports.artifacts.path(build.package.digest).read_bytes() == APK
    log = await door.world.log(task)
    told = next(one for one in log if isinstance(one.data, BuildUploaded))
    assert told.actor == door.ada.id and told.data.token and told.data.name == "app.apk"
    assert [one.data.build for one in log if isinstance(one.data, BuildReady)][-1] == build.id
    assert (await door.world.now(task)).state is State.PROPOSED


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (APK, "apk"),
        (zipped("BundleConfig.pb", "base/manifest/AndroidManifest.xml"), "aab"),
        (zipped("Payload/Music.app/Info.plist"), "ipa"),
        (zipped("index.html", "app.js"), "web"),
        (tarred("./index.html"), "web"),
        (tarred("app.js", "index.html", mode="w:gz"), "web"),
    ],
    ids=lambda one: one if isinstance(one, str) else "file",
)
async def test_its_content_says_what_it_is(door: ApiWorld, task: Task, content: bytes, kind: str) -> None:
    async with ci(door, task) as client:
        done = await upload(client, content, commit=await head_of(door, task), filename="what.ever")
    assert (done["state"], done["kind"]) == ("built", kind)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"hello", "is text/plain"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "is image/png"),
        (zipped("readme.txt", "a.txt"), "a zip archive of 2 entries (readme.txt, a.txt)"),
        (zipped("dist/index.html", "dist/app.js"), "dist/index.html in it, and not at its top"),
        (zipped(), "an empty zip archive"),
        (APK[:-40], "its list of names is"),
        (tarred("song.txt"), "a tar archive of 1 entries (song.txt)"),
        (tarred("index.htm", mode="w:gz")[:40], "is an archive that cannot be read"),
        (b"PK\3\4" + bytes(200), "is an archive that cannot be read"),
        (b"PK\5\6" + bytes(4) + b"\xff" * 14, "is an archive that cannot be read"),
        (b"\x1f\x8b" + bytes(100), "is an archive that cannot be read"),
    ],
    ids=lambda one: one if isinstance(one, str) else "file",
)
async def test_what_is_no_build_is_refused_and_named(door: ApiWorld, task: Task, content: bytes, said: str) -> None:
    async with ci(door, task) as client:
        begun = (await begin(client, len(content), commit=await head_of(door, task), filename="app.apk")).json()["id"]
        refused = await append(client, begun, 0, content)
        assert refused.status_code == 400 and said in refused.json()["detail"], refused.text
        assert (await client.get(f"/uploads/{begun}")).status_code == 404
    assert [one for one in await door.world.log(task) if isinstance(one.data, BuildUploaded)] == []


async def test_it_goes_on_where_it_was(door: ApiWorld, task: Task) -> None:
    digest, head = hashlib.sha256(APK).hexdigest(), await head_of(door, task)
    async with ci(door, task) as client:
        id = (await begin(client, len(APK), commit=head, sha256=digest)).json()["id"]
        assert (await append(client, id, 0, APK[:300])).headers["Upload-Offset"] == "300"
        asked = await client.head(f"/uploads/{id}")
        assert (asked.headers["Upload-Offset"], asked.headers["Upload-Length"]) == ("300", str(len(APK)))
        assert asked.headers["Cache-Control"] == "no-store" and asked.headers["Tus-Resumable"] == "1.0.0"
        again = await begin(client, len(APK), commit=head, sha256=digest)
        assert (again.json()["id"], again.headers["Upload-Offset"]) == (id, "300")
        assert (await append(client, id, 300, APK[300:])).status_code == 204
        assert (await become(client, id))["state"] == "built"
        # as a client whose answer was lost
        assert (await append(client, id, len(APK), b"")).status_code == 204
        assert (await append(client, id, 300, APK[300:])).status_code == 409
        assert (await begin(client, len(APK), commit=head, sha256=digest)).json()["state"] == "built"


@asynccontextmanager
async def cut_off(door: ApiWorld, client: httpx.AsyncClient, id: str) -> AsyncIterator[anyio.abc.SocketStream]:
    """A connection on which the first 200 bytes of the file came, and then nothing."""
    parts = httpx.URL(door.url)
    async with await anyio.connect_tcp(parts.host, parts.port or 0) as connection:
        head = [
            f"PATCH {PREFIX}/uploads/{id} HTTP/1.1",
            f"Host: {parts.host}",
            f"Authorization: {client.headers['Authorization']}",
            f"Content-Type: {KIND}",
            "Upload-Offset: 0",
            f"Content-Length: {len(APK)}",
        ]
        await connection.send("\r\n".join([*head, "", ""]).encode() + APK[:200])
        with anyio.fail_after(5):
            while (await client.head(f"/uploads/{id}")).headers["Upload-Offset"] != "200":
                await anyio.sleep(0.01)
        yield connection


async def test_a_connection_that_breaks_keeps_what_came(door: ApiWorld, task: Task) -> None:
    async with ci(door, task) as client:
        id = (await begin(client, len(APK), commit=await head_of(door, task))).json()["id"]
        async with cut_off(door, client, id):
            assert (await append(client, id, 200, APK[200:])).status_code == 409
        with anyio.fail_after(5):
            while (await append(client, id, 200, APK[200:])).status_code == 409:
                await anyio.sleep(0.01)
        assert (await become(client, id))["state"] == "built"


async def test_a_connection_that_falls_silent_is_ended(door: ApiWorld, task: Task) -> None:
    door.silence = 0.05
    async with ci(door, task) as client:
        id = (await begin(client, len(APK), commit=await head_of(door, task))).json()["id"]
        async with cut_off(door, client, id) as connection:
            with anyio.fail_after(5):
                answer = await connection.receive()
            assert answer.startswith(b"HTTP/1.1 204") and b"upload-offset: 200" in answer.lower()
            assert (await append(client, id, 200, APK[200:])).status_code == 204


async def test_of_two_that_append_at_once_one_wins(door: ApiWorld, task: Task) -> None:
    async with ci(door, task) as client:
        id = (await begin(client, len(APK), commit=await head_of(door, task))).json()["id"]
        begun, goes_on = anyio.Event(), anyio.Event()

        async def slowly() -> AsyncIterator[bytes]:
            yield APK[:100]
            begun.set()
            await goes_on.wait()
            yield APK[100:]

        statuses = []
        async with anyio.create_task_group() as group:

            async def first() -> None:
                statuses.append((await append(client, id, 0, slowly())).status_code)

            group.start_soon(first)
            await begun.wait()
            for offset in (0, 100):
                refused = await append(client, id, offset, b"y" * 50)
                assert refused.status_code == 409 and "somebody else appends" in refused.json()["detail"]
            goes_on.set()
        assert statuses == [204]
        assert (await become(client, id))["state"] == "built"
    build = await door.world.store.records.build(task.id)
    assert build is not None and build.package is not None and build.package.digest == hashlib.sha256(APK).hexdigest()


async def test_of_two_clients_with_the_same_file_there_is_one_build(door: ApiWorld, task: Task) -> None:
    head, digest = await head_of(door, task), hashlib.sha256(APK).hexdigest()

    async def one(client: httpx.AsyncClient) -> None:
        id = (await begin(client, len(APK), commit=head, sha256=digest)).json()["id"]
        while True:
            offset = int((await client.head(f"/uploads/{id}")).headers["Upload-Offset"])
            if offset == len(APK) and (await append(client, id, offset, b"")).status_code == 204:
                break
            await append(client, id, offset, APK[offset : offset + 400])

    async with ci(door, task) as first, ci(door, task) as second, anyio.create_task_group() as group:
        group.start_soon(one, first)
        group.start_soon(one, second)
    async with ci(door, task) as client:
        done = await upload(client, APK, commit=head)  # and once more, without a digest
        assert done["state"] == "built"
    log = await door.world.log(task)
    assert len([one for one in log if isinstance(one.data, BuildReady) and one.data.form == "apk"]) == 1
    assert len([one for one in await door.world.store.records.builds(task.id) if one.form == "apk"]) == 1


async def test_offsets_and_lengths_that_make_no_sense(door: ApiWorld, task: Task) -> None:
    head = await head_of(door, task)
    async with ci(door, task) as client:
        for size in (0, -1, "x", "1e9", 1 << 80, ""):
            assert (await begin(client, size, commit=head)).status_code == 400  # type: ignore[arg-type]
        too_large = await begin(client, (2048 << 20) + 1, commit=head)
        assert too_large.status_code == 413 and "2,048 MiB at most" in too_large.json()["detail"]
        assert (await begin(client, 9, commit=head, sha256="abc")).status_code == 400
        headers = {"Upload-Length": "9", "Upload-Metadata": "commit ???"}
        assert "base64" in (await client.post("/uploads", headers=headers)).json()["detail"]
        id = (await begin(client, 50, commit=head)).json()["id"]
        for offset in (-1, "x", 1 << 80, ""):
            assert (await append(client, id, offset, b"y")).status_code == 400
        wrong = await append(client, id, 7, b"y")
        assert wrong.status_code == 409 and "is at offset 0, not at 7" in wrong.json()["detail"]
        assert (await append(client, id, 51, b"")).status_code == 409
        assert (await append(client, id, 0, b"y" * 20)).status_code == 204
        more = await append(client, id, 20, b"y" * 31)
        assert more.status_code == 400 and "more than the 50 bytes" in more.json()["detail"]
        assert (await client.head(f"/uploads/{id}")).headers["Upload-Offset"] == "20"
        assert (await append(client, id, 20, b"y", **{"Content-Type": "text/plain"})).status_code == 415
        assert (await append(client, id, 20, b"y", **{"Tus-Resumable": "0.2.2"})).status_code == 412
        assert (await client.delete(f"/uploads/{id}")).status_code == 204
        assert (await client.head(f"/uploads/{id}")).status_code == 404
        for name in ("%2e%2e", "%2e%2e%2fhonk.db", "a" * 32, "A" * 32, "about.json", "\u0661" * 32):
            assert (await client.get(f"/uploads/{name}")).status_code in {404, 405}


async def test_bytes_that_were_changed_on_the_way_are_refused(door: ApiWorld, task: Task) -> None:
    async with ci(door, task) as client:
        digest = hashlib.sha256(APK[:-1] + b"?").hexdigest()
        id = (await begin(client, len(APK), commit=await head_of(door, task), sha256=digest)).json()["id"]
        refused = await append(client, id, 0, APK)
        assert refused.status_code == 400 and "SHA-256" in refused.json()["detail"]


async def test_a_build_belongs_to_a_commit_of_the_task(door: ApiWorld, task: Task) -> None:
    older = await head_of(door, task)
    await door.world.app.reply(door.ada, task, "friendlier")
    assert (await door.world.settled(task)).turn == 2
    head = await head_of(door, task)
    assert older != head
    async with ci(door, task) as client:
        for commit in ("e" * 40, "main", "HEAD", head[:6], "-n"):
            refused = await begin(client, len(APK), commit=commit)
            assert refused.status_code == 400, (commit, refused.text)
        assert head in (await begin(client, 9, commit="e" * 40)).json()["remedy"]
        newest = await upload(client, APK, commit=head)
        late = await upload(client, zipped("AndroidManifest.xml", "old.dex"), commit=older)
        assert (newest["older"], late["older"], late["state"]) == (False, True, "built")
        assert late["url"]
    build = await door.world.store.records.build(task.id)
    assert build is not None and build.id == newest["build"]
    log = await door.world.log(task)
    assert late["build"] not in [one.data.build for one in log if isinstance(one.data, BuildReady)]
    assert [one.data.older for one in log if isinstance(one.data, BuildUploaded)] == [False, True]
    async with door.client(Scope.READ) as reader:
        events = (await reader.get(f"/tasks/{task.id}/events")).json()
        assert any(one["type"] == "build.uploaded" and one["data"]["older"] for one in events)


async def test_of_two_older_commits_the_newer_one_is_the_latest(door: ApiWorld) -> None:
    task = await door.world.settled(await door.world.ask(builds=False))
    heads = [await head_of(door, task)]
    for words in ("friendlier", "bump"):
        await door.world.app.reply(door.ada, task, words)
        await door.world.settled(task)
        heads.append(await head_of(door, task))
    assert len(set(heads)) == 3
    async with ci(door, task) as client:
        second = await upload(client, zipped("AndroidManifest.xml", "2"), commit=heads[1])
        first = await upload(client, zipped("AndroidManifest.xml", "1"), commit=heads[0])
        assert (second["older"], first["older"]) == (False, True)
        build = await door.world.store.records.build(task.id)
        assert build is not None and build.id == second["build"]
        third = await upload(client, zipped("AndroidManifest.xml", "3"), commit=heads[2])
        again = await upload(client, zipped("AndroidManifest.xml", "2"), commit=heads[1])
        assert (third["older"], again["older"], again["build"]) == (False, True, second["build"])
    build = await door.world.store.records.build(task.id)
    assert build is not None and build.id == third["build"]


async def test_a_token_for_a_task_opens_nothing_else(door: ApiWorld, task: Task) -> None:
    """Every route there is, asked with it: only those of uploads let it in."""
    other = await door.world.settled(await door.world.ask("bump"))
    async with ci(door, task) as client:
        whole = (await client.get("/openapi.json")).json()
        asked = 0
        for path, methods in whole["paths"].items():
            for method, route in methods.items():
                if path.startswith("/uploads"):
                    continue
                target = path.replace("{task}", task.id).replace("{number}", "1").replace("{", "").replace("}", "")
                query = {
                    one["name"]: "ask"
                    for one in route.get("parameters", ())
                    if one["in"] == "query" and one["required"]
                }
                body = {"json": _least(route, whole)} if "requestBody" in route else {}
                answer = await client.request(method.upper(), target, params=query, **body)
                assert answer.status_code == 403, (method, path, answer.status_code, answer.text)
                asked += 1
        assert asked > 30
        head = await head_of(door, other)
        refused = await begin(client, 9, commit=head, task=other.id)
        assert refused.status_code == 403 and f"builds of task {task.id} alone" in refused.json()["detail"]
        async with door.client() as ada:
            theirs = (await begin(ada, 9, commit=head, task=other.id)).json()["id"]
        assert (await client.get(f"/uploads/{theirs}")).status_code == 404
        assert (await append(client, theirs, 0, b"x")).status_code == 404
        assert (await client.delete(f"/uploads/{theirs}")).status_code == 404


def _least(route: Mapping[str, Any], whole: Mapping[str, Any]) -> Any:
    """A body that the route takes, as far as that matters: who asks is looked at before it is."""
    return {
        "repository": ADDRESS,
        "instruction": "x",
        "text": "x",
        "name": "x",
        "scopes": ["read"],
        "head": "abcdefg",
        "agent": "claude",
    }


async def test_a_stranger_and_a_token_for_looking_are_refused(door: ApiWorld, task: Task) -> None:
    head, eve = await head_of(door, task), await door.world.person("Eve")
    async with door.client(Scope.READ) as reader:
        assert (await begin(reader, 9, commit=head, task=task.id)).status_code == 403
        assert (await reader.post(f"/tasks/{task.id}/build-tokens")).status_code == 403
    async with door.client() as ada, door.client(person=eve) as stranger:
        mine = (await begin(ada, len(APK), commit=head, task=task.id, sha256="0" * 64)).json()["id"]
        for answer in (
            await stranger.get(f"/uploads/{mine}"),
            await stranger.head(f"/uploads/{mine}"),
            await append(stranger, mine, 0, b"evil"),
            await stranger.delete(f"/uploads/{mine}"),
        ):
            assert answer.status_code == 404
        theirs = (await begin(stranger, len(APK), commit=head, task=task.id, sha256="0" * 64)).json()["id"]
        assert theirs != mine
        door.world.policy.refused.add((eve.id, Act.STEER))
        assert (await begin(stranger, 9, commit=head, task=task.id)).status_code == 403
        assert (await stranger.post(f"/tasks/{task.id}/build-tokens")).status_code == 403
        # who lost the right meanwhile cannot complete what was begun
        assert (await append(stranger, theirs, 0, APK)).status_code == 403
        assert (await begin(ada, 9, commit=head)).json()["detail"] == "of which task is this a build?"


async def test_an_ordinary_token_that_may_steer_uploads_too(door: ApiWorld, task: Task) -> None:
    async with door.client(Scope.STEER) as client:
        done = await upload(client, APK, commit=await head_of(door, task), task=task.id[:12])
        assert (done["state"], done["task"]) == ("built", task.id)


async def test_a_token_for_builds_is_made_for_some_hours(door: ApiWorld, task: Task) -> None:
    async with door.client() as ada:
        made = (await ada.post(f"/tasks/{task.id}/build-tokens", json={"hours": 2})).json()
        assert made["token"]["task"] == task.id and made["token"]["scopes"] == []
        for hours in (0, -1, 169, 1e300):
            refused = await ada.post(f"/tasks/{task.id}/build-tokens", json={"hours": hours})
            assert refused.status_code == 400, hours
        default = (await ada.post(f"/tasks/{task.id}/build-tokens")).json()["token"]
        headers = {"Authorization": f"Bearer {made['secret']}"}
        async with httpx.AsyncClient(base_url=door.url + PREFIX, headers=headers, trust_env=False) as client:
            assert (await begin(client, 9, commit=await head_of(door, task))).status_code == 201
            door.world.clock.now += timedelta(hours=2)  # type: ignore[attr-defined]
            assert (await begin(client, 9, commit=await head_of(door, task))).status_code == 401
        assert default["expires_at"] > made["token"]["expires_at"]


async def test_a_full_disk_is_said_and_waited_for(door: ApiWorld, task: Task) -> None:
    async with ci(door, task) as client:
        id = (await begin(client, len(APK), commit=await head_of(door, task))).json()["id"]
        door.world.machine.suffer(DiskFull("only 3 MiB are free"))
        refused = await append(client, id, 0, APK)
        assert refused.status_code == 503 and "3 MiB" in refused.json()["detail"] and refused.headers["Retry-After"]
        assert (await begin(client, 9, commit=await head_of(door, task))).status_code == 503
        door.world.machine.suffer(None)
        assert (await append(client, id, 0, APK)).status_code == 204
        assert (await become(client, id))["state"] == "built"


async def test_one_that_was_complete_is_finished_at_the_start(door: ApiWorld, task: Task) -> None:
    ports = door.world.app.ports
    async with ci(door, task) as client:
        id = (await begin(client, len(APK), commit=await head_of(door, task))).json()["id"]
    async with ports.uploads.append(id, 0) as arriving:
        await arriving.write(APK)
    await door.world.app.finish_uploads()
    await door.world.settled(task)
    assert (await ports.uploads.get(id)).state is UploadState.BUILT
    await door.world.app.finish_uploads()
    assert json.loads((door.world.home / "uploads" / id / "about.json").read_text())["kind"] == "apk"
    assert not ports.uploads.path(id).exists()
