"""the forge's own checks → verdict: what runs elsewhere answers after the pull request was opened as a draft.

A check that fails sends the work back to the agent, with what its log says; after a few times a person is asked.
"""

import hashlib
from dataclasses import dataclass
from itertools import takewhile

from honk.domain.condense import condense
from honk.domain.event import AgentFinished, BaseChosen, ChecksSeen, VerdictGiven
from honk.domain.message import Message, MessageId
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.remote_check import CHECKS, NOT_SAID, CheckState, RemoteCheck, RemoteChecks
from honk.domain.remote_verdict import answered, missing
from honk.domain.repository import Base, Sha
from honk.domain.task import State, Task
from honk.domain.turn import Outcome
from honk.domain.verdict import Answer, Evidence, Finding, Kind, Verdict
from honk.ports import Ports
from honk.ports.configuration import configuration

#: Where the forge's checks may change what becomes of a task.
RESTS = frozenset({State.DRAFT, State.PROPOSED})
#: characters of one check's log that the agent is shown
_LOG = 6000


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """What the checks of a head say now, and the name of what follows from it."""

    remote: RemoteChecks
    name: str
    #: every check that matters has answered, and something follows from it
    decided: bool
    #: those that belong to the verdict and have not answered
    awaited: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether any check is still to answer."""
        return bool(self.awaited or self.remote.running())


async def observe(task: Task, pull_request: PullRequest, *, ports: Ports) -> Seen | None:
    """Looks at the checks of the head, and tells what is new. None where there is no verdict on that head."""
    verdict = await ports.records.verdict(task.id, pull_request.head)
    if verdict is None or not await ports.ci.watches(task.repository):
        return None
    remote = await _remote(task, pull_request, ports=ports)
    if not remote.checks and not verdict.pending:
        return None
    waits = missing(verdict, remote)
    seen = ChecksSeen(
        head=remote.head,
        passed=_names(remote, CheckState.PASSED),
        failed=tuple(one.name for one in remote.failed()),
        running=_names(remote, CheckState.RUNNING),
        failing_before=tuple(one.name for one in remote.checks if one.failing_before),
        awaited=waits,
    )
    log = await ports.events.read(task.id)
    told = [one.data for one in log if isinstance(one.data, ChecksSeen) and one.data.head == remote.head]
    if not told or told[-1] != seen:
        await ports.events.record(task.id, task.turn, seen, key=f"{CHECKS}{remote.head}/{len(told)}")
    verdicts = sum(isinstance(one.data, VerdictGiven) for one in log)
    digest = hashlib.sha256(repr(seen).encode()).hexdigest()[:12]
    name = f"checks-{remote.head[:12]}-{verdicts}-{digest}"
    return Seen(remote=remote, name=name, decided=_decided(verdict, remote), awaited=waits)


async def conclude(task: Task, head: Sha, *, ports: Ports) -> Verdict | None:
    """The verdict with the checks' answers, stored and told. None when they belong to another head by now."""
    pull_request = await ports.forge.find(task.repository, task.id)
    verdict = await ports.records.verdict(task.id, head)
    if pull_request is None or verdict is None or pull_request.head != head:
        return None
    if pull_request.state not in {PullRequestState.OPEN, PullRequestState.DRAFT}:
        return None
    remote = await _remote(task, pull_request, ports=ports)
    evidence = {one.name: await _evidence(task, one, ports=ports) for one in remote.failed()}
    made = answered(verdict, remote, evidence)
    if made is None:
        return None
    turn, attempt = await _given(task, ports=ports)
    await ports.records.save_verdict(task.id, turn, attempt, made)
    digest = hashlib.sha256(repr((made.answer, made.findings)).encode()).hexdigest()[:12]
    await ports.events.record(task.id, turn, _told(made, attempt), key=f"verdict/{CHECKS}{head}/{digest}")
    return made


async def follow(task: Task, verdict: Verdict, *, ports: Ports) -> Outcome:
    """What follows from the verdict: the state in which the task rests, or words for the agent's next turn."""
    now = await ports.tasks.get(task.id)
    red = failed(verdict)
    if red:
        names = ", ".join(one.verifier for one in red)
        most = await fixes(task, ports=ports)
        tries = await corrections(now, ports=ports)
        corrects = ports.agents[now.options.agent].corrects
        if corrects and tries < most and await _send_back(now, verdict, names, ports=ports):
            return Outcome.FAIL
        if now.state in RESTS:
            often = f" after {tries} corrections" if tries else ""
            reason = f"the repository's checks failed{often}: {names}. A person has to look"
            await ports.tasks.move(task.id, State.DRAFT, reason)
        return Outcome.FAIL
    if now.state in RESTS:
        ready = verdict.answer is Answer.PASS and await _ready(task, ports=ports)
        reason = "" if ready else "not everything could be proven"
        await ports.tasks.move(task.id, State.PROPOSED if ready else State.DRAFT, reason)
    return Outcome.PASS if verdict.answer is Answer.PASS else Outcome.UNSURE


def failed(verdict: Verdict) -> tuple[Finding, ...]:
    """The checks that are red, whether they belong to the verdict or not; not those that were red before."""
    return tuple(one for one in verdict.findings if one.kind is Kind.CHECK and one.answer is Answer.FAIL)


def _decided(verdict: Verdict, remote: RemoteChecks) -> bool:
    """Red ones are waited for together, so that one turn mends them all; what is known already decides nothing."""
    if remote.failed() and remote.running():
        return False
    made = answered(verdict, remote, {})
    return made is not None and (bool(verdict.pending) or _said(made) != _said(verdict))


def _said(verdict: Verdict) -> set[tuple[str, Answer, bool]]:
    """What the checks say in it."""
    return {(one.verifier, one.answer, one.counts) for one in verdict.findings if one.kind is Kind.CHECK}


async def _remote(task: Task, pull_request: PullRequest, *, ports: Ports) -> RemoteChecks:
    base = await _base(task, ports=ports)
    return await ports.ci.checks(task.repository, pull_request.head, base=base.commit if base else None)


async def _base(task: Task, *, ports: Ports) -> Base | None:
    log = await ports.events.read(task.id)
    chosen = next((one.data for one in reversed(log) if isinstance(one.data, BaseChosen)), None)
    return Base(branch=chosen.branch, commit=Sha(chosen.commit)) if chosen else None


def _names(remote: RemoteChecks, state: CheckState) -> tuple[str, ...]:
    return tuple(one.name for one in remote.checks if one.state is state)


async def _evidence(task: Task, check: RemoteCheck, *, ports: Ports) -> Evidence:
    """What the check printed, as far as it matters; the whole of it is kept beside."""
    log = await ports.ci.log(task.repository, check)
    kept = await ports.artifacts.put(log.encode("utf-8", "replace")) if log else ""
    said = condense(log, _LOG) if log else check.summary[:_LOG]
    return Evidence(command=check.url or check.name, exit_code=None, seconds=0.0, condensed=said, log=kept)


async def _given(task: Task, *, ports: Ports) -> tuple[int, int]:
    """The turn and attempt of the latest verdict."""
    given = [one for one in await ports.events.read(task.id) if isinstance(one.data, VerdictGiven)]
    last = given[-1]
    assert isinstance(last.data, VerdictGiven)
    return last.turn, last.data.attempt


def _told(verdict: Verdict, attempt: int) -> VerdictGiven:
    return VerdictGiven(
        attempt=attempt,
        answer=verdict.answer,
        commit=verdict.commit,
        tree=verdict.tree,
        findings=tuple(f"{one.verifier}: {one.summary}" for one in verdict.findings),
        not_proven=verdict.not_proven,
        proof=verdict.proof.tests if verdict.proof else (),
        seconds=verdict.seconds,
        refusing=tuple(f"{f.verifier}: {f.summary}" for f in verdict.findings if f.counts and f.answer is Answer.FAIL),
    )


async def fixes(task: Task, *, ports: Ports) -> int:
    """How often in a row the agent is sent back by itself, as the base commit says."""
    base = await _base(task, ports=ports)
    if base is None:
        return 0
    return (await configuration(ports.repositories, task.repository, base.commit)).checks.fixes


async def corrections(task: Task, *, ports: Ports) -> int:
    """How many turns in a row the checks or a moved base have begun, since a person last spoke."""
    said = await ports.tasks.said(task.id, task.turn)
    return len(list(takewhile(lambda one: one.id.startswith(NOT_SAID), reversed(said))))


async def _send_back(task: Task, verdict: Verdict, names: str, *, ports: Ports) -> bool:
    """In the name of whoever asked. False where the agent was sent back already, and left this head as it was."""
    text = f"Checks of the repository failed on {verdict.commit[:12]}: {names}. Correct the change."
    message = Message(id=MessageId(f"{CHECKS}{verdict.commit}"), by=task.requested_by, text=text, at=ports.clock())
    if any(one.id == message.id for one in await ports.tasks.said(task.id, task.turn)):
        return False
    await ports.tasks.queue_message(task.id, message)
    return True


async def _ready(task: Task, *, ports: Ports) -> bool:
    """Whether the agent came to its end: work that was cut short stays a draft."""
    log = await ports.events.read(task.id)
    ended = next((one.data for one in reversed(log) if isinstance(one.data, AgentFinished)), None)
    return ended is None or not ended.cut_short
