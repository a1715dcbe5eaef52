"""Compiled by one worker, signed by another with Debian's apksigner, and compared in a real sandbox."""

import shutil
import sys
import zipfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import anyio
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.workshop import OperatorSigner, SigningKeys
from honk.domain.event import BuildFailed, BuildReady
from honk.domain.limits import Limits
from honk.domain.pull_request import MergeMethod
from honk.domain.remote_job import JobKind, RemoteJob, Rights
from honk.domain.task import Task
from honk.doors.cli.labouring import Desk, Labour
from honk.doors.cli.output import Output
from honk.ports import Access, Bench, Box, Said, Sandbox, Signer
from honk.service import Defaults, Diagnosis, Feed, Local
from honk.service.uploads import UploadShown
from honk.service.working import JobEnded, Printed, WorkWanted
from honk.testing.fake_sandbox import FakeSandboxes
from honk.testing.world import World, world
from partners import android_tools

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.sandbox,
    pytest.mark.seconds(90),
    pytest.mark.skipif(not android_tools.installed(), reason="Debian's tools for Android are not installed"),
]
CONFIG = b"""
[build]
command = "make app"
output = "app.apk"
kind = "android"
labels = ["linux"]
sign = ["signing"]
"""


class Mixed(FakeSandboxes):
    """The comparison runs in the real sandbox, and everything else in the world's own."""

    def __init__(self, home: Path) -> None:
        super().__init__()
        self.real = Bubblewrap(home)

    def open(self, box: Box) -> AbstractAsyncContextManager[Sandbox]:
        compares = any(one.target == "/honk/signed" for one in box.mounts)
        return self.real.open(box) if compares else super().open(box)

    def own(self, path: Path) -> None:
        self.real.own(path)

    def runtime(self, program: str) -> Path:
        return self.real.runtime(program)


@dataclass
class Near:
    """A server in this process, as a worker meets it."""

    local: Local

    async def claim(self, wanted: WorkWanted) -> RemoteJob | None:
        return (await self.local.claim(wanted)).job

    async def beat(self, job: RemoteJob) -> None:
        await self.local.beat(job.id, job.lease)

    async def begin_job(self, job: RemoteJob) -> None:
        await self.local.begin_job(job.id, job.lease)

    async def printed(self, job: RemoteJob, text: str) -> None:
        await self.local.printed(job.id, job.lease, Printed(text=text))

    async def end_job(self, job: RemoteJob, ended: JobEnded) -> None:
        await self.local.end_job(job.id, job.lease, ended)

    async def fetch(self, job: RemoteJob, what: str, into: Path) -> None:
        asked = self.local.source if what == "source" else self.local.artifact_file
        shutil.copy(await asked(job.id, job.lease), into)

    async def begin_job_upload(self, job: RemoteJob, name: str, size: int, digest: str) -> UploadShown:
        return await self.local.begin_job_upload(job.id, job.lease, name, size, digest)

    async def upload(self, id: str) -> UploadShown:
        return await self.local.upload(id)

    async def append(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> UploadShown:
        return await self.local.append(id, offset, pieces)


@dataclass
class Compiles:
    """A workshop whose command makes that file."""

    app: Path
    name: str = "a file"

    async def build(self, bench: Bench, said: Said) -> str:
        shutil.copy(self.app, bench.into)
        return ""

    async def ready(self) -> None:
        return


@dataclass
class Alters:
    """A signer that was taken over: what it signs is another app."""

    honest: Signer

    async def sign(self, unsigned: Path, form: str, into: Path) -> str:
        other = unsigned.with_name("other")
        shutil.copy(unsigned, other)
        with zipfile.ZipFile(other, "a") as archive:
            archive.writestr("classes2.dex", b"evil")
        return await self.honest.sign(other, form, into)


@dataclass
class Machine:
    workshop: Compiles | None = None
    signer: Signer | None = None
    pause: float = 0.01


async def work(made: World, place: Path, kind: JobKind, label: str, machine: Machine) -> None:
    """A worker of that kind does what waits for it."""
    ada = await made.person()
    labels = frozenset({label})
    rights = Rights(labels=labels, kinds=frozenset({kind}))
    issued = await made.app.issue_worker_token(ada, label, rights, None)

    async def doctor() -> tuple[Diagnosis, ...]:
        return ()

    local = Local(
        app=made.app,
        feed=Feed(made.store.events, heartbeat=15, buffer=16),
        person=ada,
        scopes=frozenset(),
        defaults=Defaults(limits=Limits(usd=3.0), model="", merge=MergeMethod.MERGE),
        alone=lambda: nullcontext(False),
        doctor=doctor,
    ).with_token(Access(person=ada, scopes=frozenset(), token=issued.token.id, rights=rights))
    wanted = WorkWanted(name=label, labels=(label,), kinds=(kind,), host="h", user=label)
    place.mkdir(exist_ok=True)
    labour = Labour(Near(local), machine, Desk(place), wanted, Output())  # type: ignore[arg-type]
    with anyio.fail_after(60):
        await labour.work(once=True)


async def asked(made: World) -> Task:
    tip = made.code.branches["main"]
    tree = made.code.tree({**made.code.files(tip), ".honk.toml": CONFIG})
    made.code.branches["main"] = made.code.commit(tree, (tip,), "configured")
    return await made.settled(await made.ask())


def signer(room: Path, environment: Mapping[str, str]) -> OperatorSigner:
    password = room / "password"
    password.write_text("changeit")
    keys = SigningKeys(keystore=str(android_tools.key(room)), alias="key", password_file=str(password))
    return OperatorSigner(keys, environment)


async def test_an_app_is_signed_apart_and_an_altered_one_is_refused(
    short_tmp: Path, tmp_path: Path, tool_environment: Mapping[str, str]
) -> None:
    unsigned = android_tools.unsigned(tmp_path)
    honest = signer(tmp_path, tool_environment)
    async with world(short_tmp / "w") as made:
        made.app = replace(made.app, ports=replace(made.app.ports, sandboxes=Mixed(short_tmp / "h")))
        async with made.working():
            task = await asked(made)
            await work(made, tmp_path / "b", JobKind.BUILD, "linux", Machine(workshop=Compiles(unsigned)))
            await made.settled(task)
            assert not [one for one in await made.log(task) if isinstance(one.data, BuildReady)], "unsigned is no build"
            await work(made, tmp_path / "s", JobKind.SIGN, "signing", Machine(signer=Alters(honest)))
            await made.settled(task)
            [failed] = [one.data for one in await made.log(task) if isinstance(one.data, BuildFailed)]
            assert failed.reason == "what the worker signed is not what was to be signed: added: 'classes2.dex'"

            await made.app.reply(await made.person(), await made.now(task), "friendlier")
            await made.settled(task)
            await work(made, tmp_path / "b", JobKind.BUILD, "linux", Machine(workshop=Compiles(unsigned)))
            await made.settled(task)
            await work(made, tmp_path / "s", JobKind.SIGN, "signing", Machine(signer=honest))
            await made.settled(task)
            [ready] = [one.data for one in await made.log(task) if isinstance(one.data, BuildReady)]
            signed = made.app.ports.artifacts.path(ready.package)
    assert ready.form == "apk" and "Signer #1" in android_tools.run("apksigner", "verify", "--print-certs", signed)


@pytest.fixture
def tool_environment() -> Mapping[str, str]:
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"}
