"""The agent at work, sent on again when it, its sandbox or its files were taken away."""

from dataclasses import replace

import anyio

from honk import prompts
from honk.domain.event import WorkResumed
from honk.errors import LimitReached, SandboxDied
from honk.ports import Job, Report
from honk.steps.code.lost import look, put_back
from honk.steps.code.sitting import run_agent
from honk.steps.code.tree import afresh
from honk.steps.code.words import words_of
from honk.steps.code.work import Work, asked

#: How often one attempt goes on after a violent death; then the turn ends, keeping the work.
REVIVALS = 3


async def work_through(work: Work, job: Job, sent_back: str, *, begun: bool) -> Report:
    """The report of the agent, which may have died on the way. `begun`: a crash cut this very attempt off."""
    died = 0
    while True:
        if begun and not work.agent.corrects:
            await afresh(work)
        words = await _words(work, job, sent_back, begun=begun)
        began = anyio.current_time()
        report = await _run(work, job, words)
        if report.cut_short != "died":
            return report
        if died == REVIVALS or await asked(work):
            return replace(report, cut_short="agent", reason=f"{report.reason} (killed {died + 1} times)")
        died += 1
        work.seconds_lost += anyio.current_time() - began
        await work.tell(WorkResumed(cause="restart", detail=report.reason))
        begun, job = True, replace(job, resume=True)


async def _words(work: Work, job: Job, sent_back: str, *, begun: bool) -> str:
    lost = look(work, used=job.resume and work.agent.corrects)
    told = await put_back(work, lost)
    if not told or not work.agent.corrects:
        return await words_of(work, sent_back, begun=begun)
    words = await words_of(work, sent_back, begun=False)
    return prompts.render("resumed_after_loss", lost=told, words=words)


async def _run(work: Work, job: Job, words: str) -> Report:
    work.at_work = False
    try:
        return await run_agent(work, job, words)
    except SandboxDied as error:
        return Report(summary="", cut_short="died", reason=error.message)
    except LimitReached as error:  # what it wrote is handed back like that of any limit
        return Report(summary="", cut_short=error.kind, reason=str(error))
