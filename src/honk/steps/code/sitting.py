"""The agent at work in its sandbox, within its bounds."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from honk.errors import single
from honk.ports import Attachment, Box, Job, Pass, Report, Session, Tools
from honk.steps.code.tools import may_end, verify_for_agent
from honk.steps.code.work import Work, used_seconds


async def run_agent(work: Work, job: Job, words: str) -> Report:
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
            home=home_of(work),
            mounts=(*ports.workspaces.mounts(work.workspace), *environment_mounts, *mounts),
            environment={**environment, **variables},
            exit=exit.socket,
            relay=work.agent.relay,
        )
        tools = Tools(verify=partial(verify_for_agent, work), may_end=partial(may_end, work))
        async with (
            ports.sandboxes.open(box) as sandbox,
            work.agent.open(job, sandbox, exit, tools, work.tell) as session,
        ):
            return await _bounded(work, session, words)


async def _bounded(work: Work, session: Session, words: str) -> Report:
    """The session's work, ended by the turn's time limit or a person's stop."""
    cut: list[tuple[str, str]] = []

    async def end_when(wait: Callable[[], Awaitable[None]], kind: str, reason: str) -> None:
        await wait()
        cut.append((kind, reason))
        await session.interrupt()

    limit = work.task.options.limits.seconds
    left = None if limit is None else max(limit - await used_seconds(work), 0.0)
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


async def _images(work: Work) -> tuple[Attachment, ...]:
    """The pictures of the message; only the first attempt needs to be shown them."""
    if work.number > 1:
        return ()
    contents = [(one.media_type, await work.ports.artifacts.get(one.digest)) for one in work.turn.message.images]
    return tuple(Attachment(media_type=media_type, content=content) for media_type, content in contents)


def home_of(work: Work) -> Path:
    """The home that keeps the agent's session between attempts, turns and restarts."""
    home = work.ports.home / "tasks" / work.task.id / "home"
    if not home.exists():
        home.mkdir(parents=True)
        work.ports.sandboxes.own(home)
    return home
