"""workspace → attempt: the agent works in its sandbox, and its tree is handed back.

Whatever ends the work early (money, calls, time, a stop, the model), the tree as it is then is
taken over: a limit ends in a draft, not in a kill.
"""

import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import anyio

from honk import prompts
from honk.domain.attempt import Attempt, Change
from honk.domain.event import AgentFinished, AgentStarted, ChangeRefused, ChangeTaken, LimitHit
from honk.domain.repository import Sha
from honk.domain.task import State, Task
from honk.domain.text import Untrusted, one_line
from honk.domain.turn import Turn
from honk.domain.verdict import Verdict
from honk.domain.workspace import Workspace
from honk.errors import HandBackRefused, single
from honk.ports import Agent, Attachment, Box, Exam, Job, Pass, Ports, Report, Session, Tell, Tools

#: Names the agent's session of a task; any fixed UUID serves.
_SESSIONS = uuid.UUID("5e0a2f0e-6e55-4c2b-9b0c-0d6f1c1f9d11")
#: How often one attempt is asked to verify before it may end all the same; Honk verifies anyway.
_REMINDERS = 2
#: What the agent is told about how the repository wants to be worked on, in the order of reading.
_INSTRUCTION_FILES = ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md")
_INSTRUCTION_FILE_LIMIT = 60_000


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """What one attempt is sent out with."""

    task: Task
    turn: Turn
    workspace: Workspace
    exam: Exam
    #: 1, 2, 3
    number: int
    #: what the gate said to the attempt before; "" for the first
    sent_back: str = ""


@dataclass(kw_only=True)
class _Work:
    """Everything one attempt holds while it runs."""

    task: Task
    turn: Turn
    workspace: Workspace
    exam: Exam
    number: int
    parent: Sha
    agent: Agent
    ports: Ports
    #: returns when a person asked to stop
    stopping: Callable[[], Awaitable[None]]
    reminders: int = 0
    #: the tree that the agent saw verified last
    verified: Sha | None = None
    checking: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def tell(self) -> Tell:
        return partial(self.ports.events.record, self.task.id, self.turn.number)


async def code(order: Order, *, stopping: Callable[[], Awaitable[None]], ports: Ports) -> Attempt:
    """One attempt. `stopping` returns when a person asks for a stop. Raises ModelRefused or Usage without a key."""
    task, turn, number = order.task, order.turn, order.number
    await ports.tasks.move(task.id, State.CODING)
    agent = ports.agents[task.options.agent]
    await agent.requirements()
    pull_request = await ports.records.pull_request(task.id)
    work = _Work(
        task=task,
        turn=turn,
        workspace=order.workspace,
        exam=order.exam,
        number=number,
        parent=pull_request.head if pull_request else order.workspace.base.commit,
        agent=agent,
        ports=ports,
        stopping=stopping,
    )
    begun = await _begun(work)
    if begun and not agent.corrects:
        await _afresh(work)
    job = Job(
        session=str(uuid.uuid5(_SESSIONS, task.id)),
        resume=begun or turn.number > 1 or number > 1,
        model=task.options.model,
        guidance=await _guidance(work),
        attempt=number,
    )
    started = ports.clock()
    report = await _run_agent(work, job, _words(work, order.sent_back, begun=begun))
    await work.tell(
        AgentFinished(
            attempt=number,
            summary=report.summary,
            cut_short=report.cut_short,
            reason=report.reason,
            seconds=(ports.clock() - started).total_seconds(),
        )
    )
    if report.cut_short in {"money", "calls", "time"}:
        await work.tell(LimitHit(kind=report.cut_short, detail=report.reason))
    return await _hand_back(work, job, report)


async def _run_agent(work: _Work, job: Job, words: str) -> Report:
    ports, task = work.ports, work.task
    permit = Pass(
        task=task.id,
        model=work.agent.calls_model,
        limits=task.options.limits,
        spent=await ports.records.spent(task.id),
    )
    environment_mounts, environment = await ports.gate.environment(replace(work.exam, on="agent"), work.tell)
    async with ports.broker.open(permit, work.tell, partial(ports.records.add_spending, task.id)) as exit:
        mounts, variables = work.agent.box(job, exit.socket)
        box = Box(
            workspace=Path(work.workspace.path),
            home=_home(work),
            mounts=(*ports.workspaces.mounts(work.workspace), *environment_mounts, *mounts),
            environment={**environment, **variables},
            exit=exit.socket,
        )
        tools = Tools(verify=partial(_verify_for_agent, work), may_end=partial(_may_end, work))
        async with (
            ports.sandboxes.open(box) as sandbox,
            work.agent.open(job, sandbox, exit, tools, work.tell) as session,
        ):
            return await _bounded(work, session, words)


async def _bounded(work: _Work, session: Session, words: str) -> Report:
    """The session's work, ended by the turn's time limit or a person's stop."""
    cut: list[tuple[str, str]] = []

    async def end_when(wait: Callable[[], Awaitable[None]], kind: str, reason: str) -> None:
        await wait()
        cut.append((kind, reason))
        await session.interrupt()

    limit = work.task.options.limits.seconds
    left = None if limit is None else max(limit - await _used_seconds(work), 0.0)
    images = await _images(work)
    with single():
        async with anyio.create_task_group() as watchers:
            if left is not None:
                said = f"the time limit of {limit:.0f} s for this turn is reached"
                watchers.start_soon(end_when, partial(anyio.sleep, left), "time", said)
            watchers.start_soon(end_when, work.stopping, "stopped", "stopped by a person")
            report = await session.work(words, images)
            watchers.cancel_scope.cancel()
    if cut and report.cut_short in {"", "stopped"}:
        kind, reason = cut[0]
        return replace(report, cut_short=kind, reason=reason)
    return report


async def _images(work: _Work) -> tuple[Attachment, ...]:
    """The pictures of the message; only the first attempt needs to be shown them."""
    if work.number > 1:
        return ()
    contents = [(one.media_type, await work.ports.artifacts.get(one.digest)) for one in work.turn.message.images]
    return tuple(Attachment(media_type=media_type, content=content) for media_type, content in contents)


async def _take(work: _Work) -> Change:
    """The tree as it is now, as a commit in the mirror."""
    ports = work.ports
    box = Box(workspace=Path(work.workspace.path), mounts=ports.workspaces.mounts(work.workspace))
    async with ports.sandboxes.open(box) as sandbox:
        return await ports.workspaces.take(
            work.workspace, sandbox, parent=work.parent, message=await _message(work), at=work.turn.message.at
        )


async def _verify_for_agent(work: _Work) -> str:
    """The agent's `verify` tool: the same code as the verdict, on the tree as it is now."""
    async with work.checking:
        try:
            change = await _take(work)
        except HandBackRefused as refusal:
            return f"These files may not be handed back: {refusal}"
        if change.empty:
            return "Nothing differs from the base, so there is nothing to verify."
        exam = replace(work.exam, change=change, on="agent")
        verdict: Verdict | None = await work.ports.gate.verify(exam, work.tell)
        work.verified = change.tree
        return work.ports.gate.words(verdict) if verdict else "Verification is pending elsewhere."


async def _may_end(work: _Work) -> str:
    if work.reminders >= _REMINDERS:
        return ""
    try:
        change = await _take(work)
    except HandBackRefused as refusal:
        work.reminders += 1
        return f"These files may not be handed back: {refusal}"
    if change.empty or change.commit == change.parent or change.tree == work.verified:
        return ""
    work.reminders += 1
    return prompts.render("before_ending")


async def _hand_back(work: _Work, job: Job, report: Report) -> Attempt:
    attempt = Attempt(
        task=work.task.id,
        turn=work.turn.number,
        number=work.number,
        change=None,
        summary=report.summary,
        agent=work.agent.name,
        model=report.model,
        session=job.session,
        spending=await work.ports.records.spent(work.task.id),
        cut_short=report.cut_short,
        reason=report.reason,
    )
    try:
        change = await _take(work)
    except HandBackRefused as refusal:
        await work.tell(ChangeRefused(attempt=work.number, reason=str(refusal)))
        return replace(attempt, cut_short=report.cut_short or "hand-back", reason=report.reason or str(refusal))
    await work.tell(
        ChangeTaken(
            attempt=work.number,
            commit=change.commit,
            tree=change.tree,
            files=tuple(one.path.encode("utf-8", "surrogateescape").decode("utf-8", "replace") for one in change.files),
            insertions=sum(one.insertions for one in change.files),
            deletions=sum(one.deletions for one in change.files),
        )
    )
    return replace(attempt, change=change)


def _words(work: _Work, sent_back: str, *, begun: bool) -> str:
    said = work.turn.message.text
    if not work.agent.corrects:
        return said
    if sent_back:
        words = prompts.render("sent_back", findings=prompts.fence(Untrusted(sent_back), name="findings"))
    elif work.turn.number > 1:
        words = prompts.render("reply", reply=said)
    else:
        words = prompts.render("instruction", instruction=said)
    return prompts.render("resumed", words=words) if begun else words


async def _begun(work: _Work) -> bool:
    """Whether a crash cut this very attempt off."""
    return any(
        isinstance(event.data, AgentStarted) and event.data.attempt == work.number
        for event in await work.ports.events.read(work.task.id)
        if event.turn == work.turn.number
    )


async def _afresh(work: _Work) -> None:
    """The files as the turn before left them: half a run of a command, and a whole one on top, would do it twice."""
    events = await work.ports.events.read(work.task.id)
    taken = [event.data.commit for event in events if isinstance(event.data, ChangeTaken)]
    at = Sha(taken[-1]) if taken else None
    await work.ports.workspaces.discard(work.task.id)
    await work.ports.workspaces.open(work.task.id, work.workspace.repository, work.workspace.base, at=at)


async def _used_seconds(work: _Work) -> float:
    events = await work.ports.events.read(work.task.id)
    return sum(
        event.data.seconds
        for event in events
        if isinstance(event.data, AgentFinished) and event.turn == work.turn.number
    )


async def _guidance(work: _Work) -> str:
    parts = []
    for name in _INSTRUCTION_FILES:
        content = await work.ports.repositories.read(
            work.workspace.repository, work.workspace.base.commit, name, _INSTRUCTION_FILE_LIMIT
        )
        if content:
            text = f"{name}:\n{content.decode('utf-8', 'replace')}"
            parts.append(prompts.fence(Untrusted(text), name="instruction-files"))
    files = "\nThe repository's own instructions for agents:\n" + "\n".join(parts) if parts else ""
    return prompts.render("guidance", instruction_files=files)


async def _message(work: _Work) -> str:
    """The commit's message: what was asked, and who made it (promise 10)."""
    started = [e.data for e in await work.ports.events.read(work.task.id) if isinstance(e.data, AgentStarted)]
    person = await work.ports.tasks.get_person(work.turn.message.by)
    first = work.turn.message.text.strip().splitlines()[0] if work.turn.message.text.strip() else "Change"
    title = first if len(first) <= 72 else first[:69].rstrip() + "..."
    trailers = [f"Honk-Task: {work.task.id}", f"Requested-by: {one_line(person.name)}"]
    if started and started[-1].agent == "claude":
        trailers.append(f"Assisted-by: Claude Code {one_line(started[-1].model)}".rstrip())
    return one_line(title) + "\n\n" + "\n".join(trailers) + "\n"


def _home(work: _Work) -> Path:
    """The home that keeps the agent's session between attempts, turns and restarts."""
    home = work.ports.home / "tasks" / work.task.id / "home"
    if not home.exists():
        home.mkdir(parents=True)
        work.ports.sandboxes.own(home)
    return home
