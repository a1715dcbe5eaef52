"""What a labelled worker does itself: deployments that were cut off, signing, and a Mac's users."""

import os
import signal
import stat
import sys
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from honk.adapters.sql import SqlStore
from honk.adapters.workshop import LocalExecutor, MacWorkshop, OperatorSigner, SigningKeys
from honk.domain.message import Message, MessageId
from honk.domain.person import Identity, IdentityKind
from honk.domain.remote_job import JobKind, JobState, RemoteJob, labels_of
from honk.domain.repository import Base, Repository, Sha
from honk.domain.repository_config import parse
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn
from honk.doors.cli.labour import kinds_of
from honk.doors.cli.labouring import Desk, Labour
from honk.doors.cli.output import Output
from honk.errors import NotNow, SandboxUnusable, SettingsWrong, Unreachable, Usage
from honk.ports import Bench
from honk.service.uploads import UploadShown
from honk.service.working import JobEnded, WorkWanted
from honk.settings import Settings
from honk.wiring.doctor_workers import workers

pytestmark = pytest.mark.anyio
ENVIRONMENT = {"PATH": os.environ["PATH"]}
JOB = RemoteJob(
    id="d-1",
    kind=JobKind.DEPLOY,
    task=TaskId("t"),
    turn=1,
    repository=Repository(url="/r", name="r", key="r-1"),
    base=Base(branch="main", commit=Sha("a" * 40)),
    commit=Sha("b" * 40),
    labels=("prod",),
    at=datetime(2026, 11, 21, tzinfo=UTC),
    timeout=20.0,
    lease="lease",
    state=JobState.LEASED,
)
WANTED = WorkWanted(name="w", labels=("prod",), kinds=(JobKind.DEPLOY,), host="h", user="u")


@dataclass
class Elsewhere:
    """A server as a worker meets it."""

    archive: Path
    ended: list[JobEnded] = field(default_factory=list)
    said: str = ""
    away: int = 0
    gone: bool = False

    async def claim(self, wanted: WorkWanted) -> RemoteJob | None:
        return None

    async def beat(self, job: RemoteJob) -> None:
        if self.gone:
            raise NotNow("it is another's")

    async def begin_job(self, job: RemoteJob) -> None:
        await self.beat(job)

    async def printed(self, job: RemoteJob, text: str) -> None:
        self.said += text

    async def end_job(self, job: RemoteJob, ended: JobEnded) -> None:
        if self.away:
            self.away -= 1
            raise Unreachable("it is away")
        self.ended.append(ended)

    async def fetch(self, job: RemoteJob, what: str, into: Path) -> None:
        into.write_bytes(self.archive.read_bytes())

    async def begin_job_upload(self, job: RemoteJob, name: str, size: int, digest: str) -> UploadShown:
        raise NotImplementedError

    async def upload(self, id: str) -> UploadShown:
        raise NotImplementedError

    async def append(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> UploadShown:
        raise NotImplementedError


@dataclass
class Machine:
    """As much of a workbench as a deployment needs."""

    executor: LocalExecutor = field(default_factory=lambda: LocalExecutor(ENVIRONMENT))
    pause: float = 0.01


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "desk"
    folder.mkdir()
    return folder


@pytest.fixture
async def server(tmp_path: Path) -> Elsewhere:
    (tmp_path / "app.txt").write_text("app")
    archive = tmp_path / "a.tar"
    await anyio.run_process(["tar", "-C", str(tmp_path), "-cf", str(archive), "app.txt"])
    return Elsewhere(archive)


async def worked(server: Elsewhere, place: Path, seconds: float = 20) -> None:
    labour = Labour(server, Machine(), Desk(place), WANTED, Output())  # type: ignore[arg-type]
    with anyio.fail_after(seconds):
        await labour.work(once=True)


async def test_a_deployment_ends_as_its_command_did(server: Elsewhere, place: Path, tmp_path: Path) -> None:
    for command, state in (("cat app.txt $HONK_ARTIFACT/app.txt", JobState.DONE), ("exit 3", JobState.FAILED)):
        Desk(place).take(replace(JOB, command=command))
        server.away = 1
        await worked(server, place)
        assert server.ended[-1].state is state
    assert "appapp" in server.said and server.ended[-1].reason == "the command ended with 3"
    assert Desk(place).left() is None and not Desk(place).room.exists()


async def begun(place: Path, job: RemoteJob, server: Elsewhere) -> Path:
    """As a worker leaves it that was killed right after the command began; the record's folder."""
    desk = Desk(place)
    desk.take(job)
    room = desk.empty()
    executor = LocalExecutor(ENVIRONMENT)
    for name in ("tree", "artifact"):
        assert await executor.unpack(server.archive, room / name) == ""
    desk.begin()
    await executor.begin(job.command, room / "tree", {}, room / "record")
    return room / "record"


async def test_a_command_that_outlived_its_worker_is_followed(server: Elsewhere, place: Path, tmp_path: Path) -> None:
    job = replace(
        JOB, command=f"echo begun >> {tmp_path}/log; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; echo ok"
    )
    await begun(place, job, server)
    (tmp_path / "go").touch()
    await worked(server, place)
    assert [one.state for one in server.ended] == [JobState.DONE] and "ok" in server.said
    assert (tmp_path / "log").read_text() == "begun\n"


@pytest.mark.parametrize(
    ("query", "state", "times"),
    [
        ("", JobState.DOUBT, 1),
        ("exit 0", JobState.DONE, 1),
        ("exit 1", JobState.DONE, 2),
        ("exit 7", JobState.DOUBT, 1),
    ],
)
async def test_one_that_died_with_its_worker_is_asked_about(
    server: Elsewhere, place: Path, tmp_path: Path, query: str, state: JobState, times: int
) -> None:
    waits = f"if [ ! -e {tmp_path}/again ]; then exec sleep 100; fi"
    job = replace(JOB, command=f"echo begun >> {tmp_path}/log; {waits}", query=query)
    record = await begun(place, job, server)
    with anyio.fail_after(20):
        while not (tmp_path / "log").exists():
            await anyio.sleep(0.02)
    os.killpg(int((record / "process").read_text().split()[0]), signal.SIGKILL)
    (tmp_path / "again").touch()
    await worked(server, place)
    assert [one.state for one in server.ended] == [state]
    assert (tmp_path / "log").read_text() == "begun\n" * times


async def test_a_number_that_is_another_process_by_now(server: Elsewhere, place: Path) -> None:
    record = await begun(place, replace(JOB, command="true"), server)
    with anyio.fail_after(20):
        while not (record / "ended").exists():
            await anyio.sleep(0.02)
    (record / "ended").unlink()
    (record / "process").write_text(f"{os.getpid()} Mon Jan  1 00:00:00 2001")
    await worked(server, place)
    assert [one.state for one in server.ended] == [JobState.DOUBT]


async def test_a_job_that_is_anothers_by_now_is_left(server: Elsewhere, place: Path, tmp_path: Path) -> None:
    server.gone = True
    Desk(place).take(replace(JOB, command=f"touch {tmp_path}/ran"))
    await worked(server, place)
    assert server.ended == [] and not (tmp_path / "ran").exists() and Desk(place).left() is None


@pytest.mark.parametrize("named", [[""], ["a b"], ["-x"], ["a/b"], [",".join(f"l{n}" for n in range(21))]])
def test_labels_that_are_none(named: list[str]) -> None:
    with pytest.raises(Usage):
        labels_of(named)


@pytest.mark.parametrize("named", [[""], ["build,sign"], ["build", "deploy"], ["compile"]])
def test_kinds_that_no_worker_may_have(named: list[str]) -> None:
    with pytest.raises(Usage):
        kinds_of(named)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param('[build]\nartifact = "a"\nlabels = ["m"]', "labels are for a command", id="artifact"),
        pytest.param(
            '[build]\ncommand = "a"\noutput = "o"\nkind = "file"\nlabels = ["m"]', "labels are for", id="file"
        ),
        pytest.param(
            '[build]\ncommand = "a"\noutput = "o"\nkind = "ios"\nsign = ["m"]', "sign is for an app", id="sign"
        ),
        pytest.param('[build]\ncommand = "a"\noutput = "o"\nlabels = ["m m"]', "labels.0", id="label"),
        pytest.param('[deploy]\nworkflow = "w"\nlabels = ["m"]', "with labels, a command deploys", id="workflow"),
        pytest.param('[deploy]\ncommand = "c"\nhealth = "h"\nlabels = ["m"]', "looks after the health", id="health"),
        pytest.param('[deploy]\ncommand = "c"\nquery = "q"', "query is for a worker", id="query"),
    ],
)
def test_what_no_repository_may_ask_of_a_worker(text: str, said: str) -> None:
    with pytest.raises(SettingsWrong) as raised:
        parse(text.encode())
    assert said in raised.value.message


# ── programs that write down how they were called ──────────────────────────────────────────────
_RECORDING = """#!/bin/sh
{{ printf %s "{name}"; for one; do printf " %.60s" "$one" | tr "\\n" " "; done; echo; }} >> "{calls}"
case "{name} $*" in *"${{FAILS:-nothing fails}}"*) exit 1 ;; esac
"""


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """In place of the system's own; `calls` is what they were called with, a line each."""
    folder = tmp_path / "bin"
    folder.mkdir()
    calls = tmp_path / "calls"
    calls.touch()
    for name in ("sudo", "dscl", "install", "rm", "pkill", "codesign", "zip", "sandbox-exec"):
        program = folder / name
        program.write_text(_RECORDING.format(name=name, calls=calls))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return calls


async def unheard(_: str) -> None:
    return


async def test_a_mac_makes_a_user_and_deletes_it(tmp_path: Path, programs: Path) -> None:
    bench = Bench(
        source=tmp_path / "s.tar",
        command="xcodebuild archive CODE_SIGNING_ALLOWED=NO",
        output="build/App.ipa",
        timeout=20,
        into=tmp_path / "made",
        room=tmp_path,
        environment={"HONK_COMMIT": "b"},
    )
    shop = MacWorkshop(root=False, number=lambda: 60123)
    assert await shop.build(bench, unheard) == ""
    lines = programs.read_text().splitlines()
    user, home = "honk-60123", "/private/var/honk/honk-60123"
    made = [
        f"sudo -n dscl . -create /Users/{user} {one}"
        for one in (
            "UniqueID 60123",
            "PrimaryGroupID 20",
            "UserShell /bin/sh",
            f"NFSHomeDirectory {home}",
            "Password *",
            "IsHidden 1",
        )
    ]
    assert lines[:6] == made
    assert lines[6:10] == [
        "sudo -n install -d -m 755 /private/var/honk",
        f"sudo -n rm -rf {home}",
        f"sudo -n install -d -m 700 -o {user} -g staff {home}",
        f"sudo -n install -m 400 -o {user} {str(tmp_path / 's.tar')[:60]} {home}/source.tar",
    ]
    for line in lines[10:12]:
        assert line.startswith(f"sudo -n -H -u {user} -- sandbox-exec -p (version 1)") and f"-D HOME={home}" in line
    assert "HONK_COMMIT=b /bin/sh -c cd && mkdir work" in lines[10] and lines[10].endswith(bench.command)
    assert lines[11].endswith("build/App.ipa")
    assert lines[12:] == [
        f"sudo -n pkill -KILL -U {user}",
        f"sudo -n rm -rf {home}",
        f"sudo -n dscl . -delete /Users/{user}",
    ]


async def test_a_mac_cleans_up_whatever_happens(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Bench(source=tmp_path / "s", command="x", output="o", timeout=20, into=tmp_path / "m", room=tmp_path)
    monkeypatch.setenv("FAILS", "install -m 400")
    with pytest.raises(SandboxUnusable):
        await MacWorkshop(root=False, number=lambda: 60001).build(bench, unheard)
    assert programs.read_text().splitlines()[-1] == "sudo -n dscl . -delete /Users/honk-60001"
    programs.write_text("")
    monkeypatch.setenv("FAILS", "mkdir work")
    assert await MacWorkshop(user="builds", root=True).build(bench, unheard) == "`x` ended with 1"
    lines = programs.read_text().splitlines()
    assert not any("dscl" in one for one in lines) and lines[-2:] == [
        "pkill -KILL -U builds",
        "rm -rf /private/var/honk/builds",
    ]


def ipa(path: Path, *more: tuple[str, int, bytes]) -> Path:
    entries = [
        ("Payload/M.app/M", 0o100755, b"code"),
        ("Payload/M.app/Frameworks/F.framework/F", 0o100644, b"f"),
        *more,
    ]
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, content in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            archive.writestr(entry, content)
    return path


async def test_codesign_signs_what_is_inside_first(tmp_path: Path, programs: Path) -> None:
    (tmp_path / "p").write_bytes(b"profile")
    keys = SigningKeys(identity="Apple Distribution: Ada", profile=str(tmp_path / "p"), entitlements="/e.plist")
    signer = OperatorSigner(keys, dict(os.environ))
    assert await signer.sign(ipa(tmp_path / "u"), "ios", tmp_path / "s") == "the signer ended well and made nothing"
    inner, outer, packed = programs.read_text().splitlines()
    assert inner.startswith("codesign --force --sign Apple Distribution: Ada ") and "--entitlements" not in inner
    assert "--entitlements /e.plist" in outer and packed.startswith("zip -q -r -X")


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(("Payload/M.app/embedded.mobileprovision", stat.S_IFLNK | 0o777, b"/etc/passwd"), id="link"),
        pytest.param(("Payload/N.app/N", 0o100755, b"x"), id="two apps"),
    ],
)
async def test_an_app_that_leads_elsewhere_is_not_signed(
    tmp_path: Path, programs: Path, entry: tuple[str, int, bytes]
) -> None:
    signer = OperatorSigner(SigningKeys(identity="A"), dict(os.environ))
    assert await signer.sign(ipa(tmp_path / "u", entry), "ios", tmp_path / "s") != ""
    assert programs.read_text() == ""


async def test_an_operators_own_signer(tmp_path: Path) -> None:
    copy = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[2])"
    own = OperatorSigner(SigningKeys(command=(sys.executable, "-c", copy, "{unsigned}", "{signed}")), ENVIRONMENT)
    (tmp_path / "u").write_bytes(b"app")
    assert await own.sign(tmp_path / "u", "android", tmp_path / "s") == "" and (tmp_path / "s").read_bytes() == b"app"
    failing = OperatorSigner(SigningKeys(command=("sh", "-c", "echo no key; exit 4")), ENVIRONMENT)
    assert await failing.sign(tmp_path / "u", "android", tmp_path / "s") == "sh ended with 4: no key"
    assert not (tmp_path / "s").exists()
    nothing = OperatorSigner(SigningKeys(keystore="k"), ENVIRONMENT)
    assert "has nothing for ios" in await nothing.sign(tmp_path / "u", "ios", tmp_path / "s")


async def test_the_doctor_says_who_is_there_and_what_waits(tmp_path: Path) -> None:
    settings = Settings.load({"HONK_HOME": str(tmp_path)})
    assert await workers(settings) == []
    async with SqlStore(settings.database) as store:
        ada = await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="ada"), "Ada")
        message = Message(id=MessageId("m"), by=ada.id, text="x", at=JOB.at)
        task = Task(
            id=JOB.task,
            repository=JOB.repository,
            instruction="x",
            requested_by=ada.id,
            state=State.ACCEPTED,
            options=Options(),
            created_at=JOB.at,
            turn=1,
        )
        await store.tasks.add(task, Turn(task=task.id, number=1, message=message))
        await store.jobs.add(replace(JOB, state=JobState.WAITING, lease=""))
    [waits] = await workers(settings)
    assert (waits.ok, waits.required) == (False, False)
    assert waits.detail == "deploy of t: waits for a worker with prod that may deploy; none has been here"
