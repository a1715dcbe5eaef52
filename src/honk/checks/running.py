"""Runs one verifier on one commit, in a fresh checkout and a fresh sandbox without a way out."""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import anyio
from pydantic import TypeAdapter, ValidationError

from honk.checks import generated
from honk.checks.detect import with_reports
from honk.checks.environments import Environment
from honk.checks.plan import PYTHON, REPORTS, Verifier
from honk.checks.reading import plain, read_messages, read_tests, readable
from honk.checks.tally import UNREAD, Tally
from honk.domain.condense import condense
from honk.domain.event import VerifierFinished, VerifierStarted
from honk.domain.repository import Sha
from honk.domain.verdict import Evidence, Finding, Kind
from honk.domain.workspace import Workspace
from honk.ports import Artifacts, Box, Exam, Mount, Records, Repositories, Sandbox, Sandboxes, Tell, Workspaces

_REPORT_LIMIT = 16 << 20
_LOG_LIMIT = 16 << 20
#: Changed with the meaning of what is cached.
_FORM = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What one run said, before anything is compared. `problem` is set when it cannot be believed."""

    evidence: Evidence
    tally: Tally = UNREAD
    #: a linter's or compiler's messages, without positions
    messages: tuple[str, ...] = ()
    #: tracked files that the verifier changed
    altered: tuple[str, ...] = ()
    #: why this is no answer (timeout, crash, unreadable, no tests ran); "" when it is one
    problem: str = ""
    cached: bool = False

    @property
    def green(self) -> bool:
        return not self.problem and self.evidence.exit_code == 0 and not self.tally.failed and not self.altered


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a verifier runs: a commit with an environment, and variables for it."""

    commit: Sha
    environment: Environment
    variables: Mapping[str, str]


_RESULT = TypeAdapter(Result)


@dataclass(frozen=True, kw_only=True)
class Runner:
    repositories: Repositories
    workspaces: Workspaces
    sandboxes: Sandboxes
    records: Records
    artifacts: Artifacts
    home: Path

    async def run(self, exam: Exam, verifier: Verifier, place: Place, tell: Tell) -> Result:
        """A believable result is kept by (tree, verifier, environment); the others are tried anew each time."""
        tree = await self.repositories.tree(exam.repository, place.commit)
        definition = [verifier.argv, dict(verifier.environment), verifier.timeout, verifier.reader]
        key = json.dumps(
            [_FORM, exam.repository.key, tree, definition, dict(place.variables), place.environment.key], sort_keys=True
        )
        if stored := await self._stored(key):
            return stored
        await tell(VerifierStarted(verifier=verifier.name, command=verifier.command, on=exam.on))
        result = await self._run(exam, verifier, place)
        if not result.problem:
            content = json.dumps(asdict(replace(result, cached=False)))
            await self.records.cache(key, await self.artifacts.put(content.encode()))
        return result

    async def _stored(self, key: str) -> Result | None:
        digest = await self.records.cached(key)
        if not digest:
            return None
        try:
            return replace(_RESULT.validate_json(await self.artifacts.get(digest)), cached=True)
        except (KeyError, ValidationError):
            return None

    async def _run(self, exam: Exam, verifier: Verifier, place: Place) -> Result:
        environment = place.environment
        (self.home / "checkouts").mkdir(parents=True, exist_ok=True)
        room = Path(tempfile.mkdtemp(dir=self.home / "checkouts", prefix="v-"))
        room.chmod(0o711)
        try:
            checkout, reports = room / "tree", room / "out"
            await self.repositories.checkout(exam.repository, exam.base, place.commit, checkout)
            reports.mkdir()
            self.sandboxes.own(reports)
            mounts = self._mounts(exam, environment, room)
            box = Box(workspace=checkout, mounts=mounts, environment={**place.variables, **with_reports(verifier)})
            async with self.sandboxes.open(box) as sandbox:
                if environment.kept is not None:
                    await generated.copy(sandbox, environment.entries)
                return await self._ask(sandbox, verifier)
        finally:
            with anyio.CancelScope(shield=True):
                await self.repositories.clear(room)

    def _mounts(self, exam: Exam, environment: Environment, room: Path) -> tuple[Mount, ...]:
        checkout = room / "tree"
        workspace = Workspace(task=exam.task, repository=exam.repository, base=exam.base, path=str(checkout))
        mounts = [
            *environment.mounts,
            *self.workspaces.mounts(workspace),
            Mount(source=room / "out", target=REPORTS, writable=True),
        ]
        if environment.kept is not None:
            (room / "caches").mkdir()
            mounts += generated.mounts_for_checkout(environment.entries, environment.kept, checkout, room / "caches")
            self.sandboxes.own(room / "caches")
        return tuple(mounts)

    async def _ask(self, sandbox: Sandbox, verifier: Verifier) -> Result:
        ran = await sandbox.run(verifier.argv, seconds=verifier.timeout, output_limit=_LOG_LIMIT)
        text = "\n".join(part for part in (plain(ran.stdout).strip(), plain(ran.stderr).strip()) if part)
        report = b""
        if verifier.kind is Kind.TEST:
            report = await _report(sandbox)
        # By git inside: what it would run on a planted configuration stays in the sandbox.
        status = await sandbox.run(("git", "status", "--porcelain", "-z", "--untracked-files=no"), seconds=120)
        altered = tuple(entry[3:] for entry in plain(status.stdout).split("\0") if len(entry) > 3)
        lines = readable(text)
        tally = read_tests(verifier.reader, lines, report) if verifier.kind is Kind.TEST else UNREAD
        evidence = Evidence(
            command=verifier.command,
            exit_code=ran.exit_code,
            seconds=round(ran.seconds, 3),
            condensed="" if ran.exit_code == 0 and not tally.failed else condense(lines),
            log=await self.artifacts.put(text.encode()),
        )
        return Result(
            evidence=evidence,
            tally=tally,
            messages=() if verifier.kind is Kind.TEST or ran.exit_code == 0 else read_messages(lines),
            altered=altered,
            problem=ran.ended or _not_started(verifier, lines) or _problem(verifier, ran.exit_code, tally, cut=ran.cut),
        )


async def _report(sandbox: Sandbox) -> bytes:
    """Read by a program inside, so that a link in its place leads nowhere outside."""
    for name in ("pytest.xml", "javascript.json"):
        read = await sandbox.run(("cat", f"{REPORTS}/{name}"), seconds=60, output_limit=_REPORT_LIMIT)
        if read.exit_code == 0 and not read.cut and read.stdout.strip():
            return read.stdout
    return b""


def _not_started(verifier: Verifier, text: str) -> str:
    """An optional tool that could not be installed is not "red as on the base"."""
    module = verifier.argv[2] if verifier.argv[:2] == (PYTHON, "-m") else ""
    return f"{module} is not installed" if module and f"No module named {module}" in text[-500:] else ""


def _problem(verifier: Verifier, code: int | None, tally: Tally, *, cut: bool) -> str:
    """Why this is no answer. Absence is not success: what was not seen to run has not passed."""
    if code is None:
        return f"ended by the time limit of {verifier.timeout:.0f} s"
    if code in {126, 127}:
        return "the command could not be started"
    if code < 0 or code >= 128:
        return f"crashed (signal {-code if code < 0 else code - 128})"
    if verifier.reader == "findings" and code > 1:
        # ruff and mypy end with 1 for what they found, with 2 when they could not look.
        return f"it could not check (ended with {code})"
    if verifier.kind is not Kind.TEST:
        return ""
    if tally.ran == 0 and not tally.failed:
        return "no tests ran"
    if cut and tally is UNREAD:
        return "its output was too long to be read"
    if tally.ran is None and not verifier.declared:
        return "its output could not be read, so that nobody knows how many tests ran"
    if verifier.reader == "pytest" and code in {3, 4}:
        return "pytest itself failed" if code == 3 else "pytest could not be used as it is configured"
    return ""


async def tell_answer(tell: Tell, on: str, finding: Finding, result: Result) -> None:
    await tell(
        VerifierFinished(
            verifier=finding.verifier,
            answer=finding.answer,
            summary=finding.summary,
            seconds=result.evidence.seconds,
            on=on,
            cached=result.cached,
        )
    )
