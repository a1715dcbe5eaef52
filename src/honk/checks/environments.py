"""Environments: what a repository's tools need, made once from a commit and shown read-only afterwards.

`HONK_HOME/environments/<key>/{env,tree,environment.json}`. The key is made of the manifests and lock
files, the interpreter and the set-up commands. A change that touches none of these uses the base's
environment; one that does gets its own, which no other task ever sees.
"""

import fcntl
import hashlib
import os
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import anyio
from pydantic import BaseModel, ValidationError

from honk.checks import generated
from honk.checks.detect import NEEDED, make_plan
from honk.checks.generated import Entry
from honk.checks.keys import content_key
from honk.checks.plan import Plan, Recipe, Step
from honk.checks.reading import plain, readable
from honk.checks.tree import Tree
from honk.domain.condense import condense
from honk.domain.event import EnvironmentReady, EventData, StepProgressed
from honk.domain.limits import Spending
from honk.domain.repository import Sha
from honk.domain.task import TaskId
from honk.domain.verdict import Evidence
from honk.domain.workspace import Workspace
from honk.errors import Defect
from honk.ports import (
    Artifacts,
    Box,
    Broker,
    Clock,
    Exam,
    Mount,
    Pass,
    Registries,
    Repositories,
    Sandbox,
    Sandboxes,
    Tell,
    Workspaces,
)
from honk.ports.slow import progress, slow

LIFETIME = timedelta(days=7)
_LOG_LIMIT = 8 << 20
#: seconds between two looks at what set-up prints
_EVERY = 5.0
#: what a command writes to standard error goes where its output goes
_TOGETHER = ("sh", "-c", 'exec "$@" 2>&1', "sh")


class _Marker(BaseModel, frozen=True):
    created_at: datetime
    entries: tuple[Entry, ...] = ()
    #: what was left out, such as an optional tool
    detail: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    #: "" where nothing had to be made
    key: str = ""
    #: why it could not be made, in a sentence; "" when it could
    failure: str = ""
    evidence: tuple[Evidence, ...] = ()
    folder: Path | None = None
    entries: tuple[Entry, ...] = ()

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return () if self.folder is None else (Mount(source=self.folder / "env", target="/env"),)

    @property
    def kept(self) -> Path | None:
        """The folder of files that set-up made in the tree."""
        return None if self.folder is None else self.folder / "tree"


async def _no_spending(_: Spending) -> None:
    raise Defect("set-up spent money, although its exit does not lead to a model")


@dataclass(frozen=True, kw_only=True)
class Environments:
    repositories: Repositories
    workspaces: Workspaces
    sandboxes: Sandboxes
    broker: Broker
    artifacts: Artifacts
    registries: Registries
    home: Path
    clock: Clock
    _lacking: list[frozenset[str]] = field(default_factory=list)

    async def interpreter(self) -> str:
        """The Python inside. The first time it may be copied, which blocks."""
        return str(await anyio.to_thread.run_sync(self.sandboxes.runtime, "python"))

    async def lacking(self) -> frozenset[str]:
        """Programs that detected toolchains need and that no sandbox of this machine has; looked for once."""
        if not self._lacking:
            look = "for one in " + " ".join(NEEDED) + '; do command -v "$one" >/dev/null || echo "$one"; done'
            root = self.home / "checkouts"
            root.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=root, prefix="look-") as name:
                self.sandboxes.own(Path(name))
                async with self.sandboxes.open(Box(workspace=Path(name))) as sandbox:
                    ran = await sandbox.run(("sh", "-c", look), seconds=30)
            self._lacking.append(frozenset(ran.stdout.decode().split()))
        return self._lacking[0]

    async def ensure(self, exam: Exam, plan: Plan, tell: Tell, *, commit: Sha) -> Environment:
        """The environment for this commit, from the base unless the commit changes what it is made of."""
        interpreter = await self.interpreter()
        base = await Tree.of(self.repositories, exam.repository, exam.base.commit)
        made_from, recipes, origin = exam.base.commit, plan.recipes, ""
        key = await content_key(base, plan, interpreter)
        if commit != exam.base.commit:
            tree = await Tree.of(self.repositories, exam.repository, commit)
            own = await make_plan(tree, exam.verify, interpreter, config=plan.config, lacking=await self.lacking())
            if await content_key(tree, own, interpreter) != key:
                # Its build scripts are the agent's work: nobody else may ever run on what they made.
                made_from, recipes, origin = commit, own.recipes, f"{exam.task}"
                key = await content_key(tree, own, interpreter)
        if not any(way for recipe in recipes for way in recipe.ways):
            return Environment()
        key = hashlib.sha256(f"{key} {origin} {exam.repository.key}".encode()).hexdigest()[:32]
        return await self._found_or_made(key, exam, replace(plan, recipes=recipes), tell, made_from)

    async def _found_or_made(self, key: str, exam: Exam, plan: Plan, tell: Tell, commit: Sha) -> Environment:
        folder = self.home / "environments" / key
        found = self._find(folder, key)
        if found is not None:
            return found
        toolchains = " and ".join(recipe.toolchain for recipe in plan.recipes)
        folder.parent.mkdir(parents=True, exist_ok=True)
        async with _locked(folder.with_suffix(".lock"), exam.task, tell):
            found = self._find(folder, key)
            if found is not None:
                return found
            started = self.clock()
            await tell(StepProgressed(step="environment", detail=f"making the {toolchains} environment"))
            made = await self._make(folder, key, exam, plan, tell, commit)
        await tell(
            EnvironmentReady(
                toolchain=toolchains,
                key=key,
                cached=False,
                ok=not made.failure,
                detail=made.failure,
                seconds=(self.clock() - started).total_seconds(),
            )
        )
        return made

    def _find(self, folder: Path, key: str) -> Environment | None:
        try:
            marker = _Marker.model_validate_json((folder / "environment.json").read_bytes())
        except (OSError, ValidationError):
            return None
        if self.clock() - marker.created_at > LIFETIME:
            return None
        return Environment(key=key, folder=folder, entries=marker.entries)

    async def _make(self, folder: Path, key: str, exam: Exam, plan: Plan, tell: Tell, commit: Sha) -> Environment:
        network = any(recipe.network for recipe in plan.recipes)
        if network and self.registries.refusals:
            return Environment(key=key, failure="; ".join(self.registries.refusals))
        room = folder.with_name(f"{key}.{uuid.uuid4().hex[:8]}.new")
        (room / "env").mkdir(parents=True)
        try:
            await self.repositories.checkout(exam.repository, exam.base, commit, room / "tree")
            self.sandboxes.own(room / "env")
            async with self._setup_box(room, exam, plan, tell, network=network) as sandbox:
                run = _Setup(sandbox, plan.config.setup_timeout, room / "setup.log", self.artifacts, tell)
                for recipe in plan.recipes:
                    failed = await run.make(recipe)
                    if failed:
                        return Environment(
                            key=key, failure=f"set-up failed: {failed[-1].command}", evidence=failed[-1:]
                        )
                entries = await generated.collect(sandbox, await self.interpreter(), room / "tree")
            marker = _Marker(created_at=self.clock(), entries=entries, detail="; ".join(run.left_out))
            (room / "setup.log").unlink(missing_ok=True)
            (room / "environment.json").write_text(marker.model_dump_json())
            _put_in_place(room, folder)
            return Environment(key=key, folder=folder, entries=entries)
        finally:
            with anyio.CancelScope(shield=True):
                await self.repositories.clear(room)

    @asynccontextmanager
    async def _setup_box(
        self, room: Path, exam: Exam, plan: Plan, tell: Tell, *, network: bool
    ) -> AsyncIterator[Sandbox]:
        workspace = Workspace(task=exam.task, repository=exam.repository, base=exam.base, path=str(room / "tree"))
        mounts = (Mount(source=room / "env", target="/env", writable=True), *self.workspaces.mounts(workspace))
        box = Box(workspace=room / "tree", mounts=mounts, environment={**plan.environment})
        if not network and not plan.config.setup_hosts:
            async with self.sandboxes.open(box) as sandbox:
                yield sandbox
            return
        permit = Pass(task=exam.task, hosts=(*self.registries.hosts, *plan.config.setup_hosts))
        async with self.broker.open(permit, tell, _no_spending) as exit:
            networked = replace(
                box,
                mounts=(*mounts, *self.registries.mounts),
                environment={**_PROXIES, **plan.environment, **self.registries.environment},
                exit=exit.socket,
                proxy=True,
            )
            async with self.sandboxes.open(networked) as sandbox:
                yield sandbox

    async def collect(self) -> int:
        """Removes what is older than a lifetime and a day, and leftovers of a crash; returns how many."""
        root, count = self.home / "environments", 0
        for folder in root.iterdir() if root.is_dir() else ():
            limit = timedelta(days=1) + (timedelta() if folder.suffix in {".new", ".old"} else LIFETIME)
            if not folder.is_dir() or self.clock() - datetime.fromtimestamp(folder.stat().st_mtime, UTC) < limit:
                continue
            await self.repositories.clear(folder)
            count += 1
        return count


_PROXIES = {
    name: "http://127.0.0.1:3128"
    for name in ("npm_config_proxy", "npm_config_https_proxy", "YARN_HTTP_PROXY", "YARN_HTTPS_PROXY")
}


class _Setup:
    """Runs recipes in one sandbox."""

    def __init__(self, sandbox: Sandbox, seconds: float, log: Path, artifacts: Artifacts, tell: Tell) -> None:
        """`log`: a file on the host that nobody inside sees."""
        self._log = log
        self._sandbox = sandbox
        self._seconds = seconds
        self._artifacts = artifacts
        self._tell = tell
        self._versions: dict[str, str] | None = None
        #: titles of optional steps that failed
        self.left_out: list[str] = []

    async def make(self, recipe: Recipe) -> tuple[Evidence, ...]:
        """The evidence of each way that failed when none worked; () on success."""
        failures: list[Evidence] = []
        for way in recipe.ways:
            failed = await self._steps(way)
            if failed is None:
                break
            failures.append(failed)
        else:
            # The first way is the one the repository means; what the others said is of less use.
            return tuple(reversed(failures))
        failed = await self._steps(recipe.afterwards)
        return () if failed is None else (failed,)

    async def _steps(self, steps: Iterable[Step]) -> Evidence | None:
        for step in steps:
            failed = await self._step(step)
            if failed is not None and not step.optional:
                return failed
            if failed is not None:
                self.left_out.append(step.title)
        return None

    async def _step(self, step: Step) -> Evidence | None:
        await self._tell(StepProgressed(step="environment", detail=step.title))
        environment = {**await self._pretended(), **step.environment}
        self._log.unlink(missing_ok=True)
        async with slow(self._tell, partial(self._at_line, step), every=_EVERY):
            ran = await self._sandbox.run(
                (*_TOGETHER, *step.argv),
                seconds=self._seconds,
                environment=environment,
                output_limit=_LOG_LIMIT,
                stdout_to=self._log,
            )
        if ran.exit_code == 0:
            return None
        text = plain(self._log.read_bytes() + b"\n" + ran.stderr).strip()
        ending = f"\n(ended by the time limit of {self._seconds:.0f} s)" if ran.exit_code is None else ""
        return Evidence(
            command=step.argv[2] if step.argv[:2] == ("sh", "-c") else " ".join(step.argv),
            exit_code=ran.exit_code,
            seconds=ran.seconds,
            condensed=condense(readable(text)) + ending,
            log=await self._artifacts.put(text.encode()),
        )

    def _at_line(self, step: Step, seconds: float) -> EventData:
        """What set-up printed last, for those who wait."""
        with suppress(OSError), self._log.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - 4096, 0))
            lines = [line.strip() for line in readable(plain(file.read())).splitlines() if line.strip()]
            if lines:
                return StepProgressed(step="environment", detail=f"{step.title} ({seconds:.0f} s so far): {lines[-1]}")
        return progress("environment", step.title)(seconds)

    async def _pretended(self) -> dict[str, str]:
        """Versions for tools that would take one from a tag, where no tag can be reached.

        Variables: setuptools-scm (also used by hatch-vcs), pbr, pdm-backend, poetry-dynamic-versioning
        and uv-dynamic-versioning document them for just this.
        """
        if self._versions is None:
            described = await self._sandbox.run(("git", "describe", "--tags"), seconds=60)
            version = "" if described.exit_code == 0 else await self._likely_version()
            self._versions = {name: version for name in _VERSION_VARIABLES} if version else {}
        return self._versions

    async def _likely_version(self) -> str:
        script = (
            "grep -hm1 '^Version: [0-9]' PKG-INFO ./*.egg-info/PKG-INFO 2>/dev/null || "
            "grep -hoEm1 '\\b[0-9]+\\.[0-9]+(\\.[0-9]+)?\\b' CHANGELOG* CHANGES* HISTORY* NEWS* 2>/dev/null"
        )
        ran = await self._sandbox.run(("sh", "-c", script), seconds=60, output_limit=65536)
        words = plain(ran.stdout).replace("Version:", "").split()
        return words[0] if words else "1.0.0"


_VERSION_VARIABLES = (
    "SETUPTOOLS_SCM_PRETEND_VERSION",
    "PBR_VERSION",
    "PDM_BUILD_SCM_VERSION",
    "POETRY_DYNAMIC_VERSIONING_BYPASS",
    "UV_DYNAMIC_VERSIONING_BYPASS",
)


@asynccontextmanager
async def _locked(path: Path, task: TaskId, tell: Tell) -> AsyncIterator[None]:
    """One maker at a time, in all processes. The lock ends with its holder, however that ends.

    Its file names the holder, for those who wait.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        waited = False
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not waited:
                    who = os.pread(descriptor, 200, 0).decode("utf-8", "replace")
                    said = f"waits for task {who}, which makes the same one" if who else "waits: it is being made"
                    await tell(StepProgressed(step="environment", detail=said))
                waited = True
                await anyio.sleep(0.2)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, task.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def _put_in_place(room: Path, folder: Path) -> None:
    """An expired one is moved aside, not removed: a sandbox may still show it."""
    if folder.exists():
        folder.rename(folder.with_name(f"{folder.name}.{uuid.uuid4().hex[:8]}.old"))
    room.rename(folder)
