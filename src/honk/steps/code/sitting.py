"""The agent at work in its sandbox, within its bounds."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import anyio

from honk.domain.limits import Spending
from honk.domain.message import NOTHING
from honk.domain.task import State
from honk.errors import single
from honk.ports import Box, Job, Mount, Pass, Report, Session, Sitting, Tools, Wanted
from honk.steps.code.closing import leave, may_end
from honk.steps.code.courier import carry, forgotten, reconcile
from honk.steps.code.enclosing import lay_out, mount, pictures_of
from honk.steps.code.snapshots import NEVER, Snapshots
from honk.steps.code.tools import ask_people, verify_for_agent
from honk.steps.code.work import Work, used_seconds

#: Seconds between two looks whether the agent's time is up.
_SOONEST = 0.05


async def run_agent(work: Work, job: Job, words: str) -> Report:
    ports, task = work.ports, work.task
    permit = Pass(
        task=task.id,
        model=work.agent.calls_model,
        limits=task.options.limits,
        spent=await ports.records.spent(task.id),
    )
    await lay_out(work, await ports.tasks.said(task.id, work.turn.number))
    environment_mounts, environment = await _environment(work)
    snapshots = Snapshots(work, None if work.agent.corrects and not work.plans else NEVER)
    tools = Tools(verify=partial(verify_for_agent, work), may_end=partial(may_end, work), ask=partial(ask_people, work))
    spend = partial(_spend, work)
    if not job.resume and work.agent.corrects and not work.plans:
        wanted = Wanted(
            guidance=job.guidance,
            mounts=environment_mounts,
            environment=environment,
            model=job.model,
            words=words if work.turn.message.enclosed == NOTHING else "",
        )
        sitting = Sitting(permit=permit, attempt=job.attempt, tools=tools, tell=snapshots.tell, spend=spend)
        async with ports.pool.claim(task, wanted, sitting) as seat:
            if seat is not None:
                return await _bounded(work, seat.session, words, snapshots)
    async with ports.broker.open(permit, work.tell, spend) as exit:
        mounts, variables = work.agent.box(job, exit.socket)
        box = Box(
            workspace=Path(work.workspace.path),
            home=home_of(work),
            mounts=(*ports.workspaces.mounts(work.workspace), *environment_mounts, *mounts, mount(work)),
            environment={**environment, **variables},
            exit=exit.socket,
            relay=work.agent.relay,
            grows=True,
            read_only_workspace=work.plans,
        )
        async with (
            ports.sandboxes.open(box) as sandbox,
            work.agent.open(job, sandbox, exit, tools, snapshots.tell) as session,
        ):
            return await _bounded(work, session, words, snapshots)


async def _environment(work: Work) -> tuple[tuple[Mount, ...], Mapping[str, str]]:
    """The repository's dependencies, as they are shown to the agent. Who plans runs nothing that needs them."""
    if work.plans:
        return (), {}
    return await work.ports.gate.environment(replace(work.exam, on="agent"), work.tell)


async def _spend(work: Work, spending: Spending) -> None:
    """Keeps what a call cost, and says when a budget is nearly used up."""
    await work.ports.records.add_spending(work.task.id, spending)
    await work.ports.budgets.warn(work.task.id, work.turn.number)


async def _bounded(work: Work, session: Session, words: str, snapshots: Snapshots) -> Report:
    """The session's work, ended by the turn's time limit or a person's stop."""
    cut: list[tuple[str, str]] = []

    async def end_when(wait: Callable[[], Awaitable[None]], kind: str, reason: str) -> None:
        await wait()
        cut.append((kind, reason))
        work.ending = True
        leave(work)
        await session.interrupt()

    limit = work.task.options.limits.seconds
    left = None if limit is None else max(limit - await used_seconds(work), 0.0)
    work.ending = False
    images = () if work.number > 1 else await pictures_of(work, work.turn.message)
    work.at_work = True
    await reconcile(work, session)
    again, pictures = await forgotten(work, session)
    words, images = (f"{words}\n{again}" if again else words), (*images, *pictures)
    with single():
        async with anyio.create_task_group() as watchers:
            if left is not None:
                said = f"the time limit of {limit:.0f} s for this turn is reached"
                watchers.start_soon(end_when, partial(_time_up, work, left), "time", said)
            watchers.start_soon(end_when, work.stopping, "stopped", "stopped by a person")
            watchers.start_soon(snapshots.keep)
            if work.agent.steers:
                watchers.start_soon(carry, work, session)
            report = await session.work(words, images)
            watchers.cancel_scope.cancel()
    if cut and cut[0][0] == "stopped":  # seen at once: closing the agent and taking its work over may take a while
        await work.ports.tasks.move(work.task.id, State.STOPPED, cut[0][1])
    await reconcile(work, session)
    if cut and report.cut_short in {"", "stopped"}:
        kind, reason = cut[0]
        return replace(report, cut_short=kind, reason=reason)
    return report


async def _time_up(work: Work, left: float) -> None:
    """Returns when the agent has worked that long; its files being verified as it ends is not its work."""
    end = anyio.current_time() + left
    before = work.verifying.seconds
    while True:
        rest = end + work.verifying.seconds - before - anyio.current_time()
        if rest <= 0:
            return
        await anyio.sleep(max(rest, _SOONEST))


def home_of(work: Work) -> Path:
    """The home that keeps the agent's session between attempts, turns and restarts."""
    home = work.ports.home / "tasks" / work.task.id / "home"
    if not home.exists():
        home.mkdir(parents=True)
        work.ports.sandboxes.own(home)
    return home
