"""What the agent is told."""

from honk import prompts
from honk.domain.event import (
    AgentFinished,
    AgentStarted,
    BaseMerged,
    Event,
    MessageDelivered,
    QuestionAsked,
    VerdictGiven,
)
from honk.domain.message import Message, MessageId
from honk.domain.plan import is_go, latest
from honk.domain.remote_check import CHECKS, MOVED_BASE, NOT_SAID
from honk.domain.text import Untrusted, shortened
from honk.domain.turn import instruction_of
from honk.domain.verdict import Answer, Kind
from honk.steps.code.enclosing import enclosed_words
from honk.steps.code.standing import first_words, guidance
from honk.steps.code.work import Work

#: Characters of what happened before; the end of it is kept.
_STORY_LIMIT = 40_000
_FINDINGS_LIMIT = 20_000


async def words_of(work: Work, sent_back: str, *, begun: bool) -> str:
    said = work.turn.message.text
    if not work.agent.corrects:
        # What nobody said is no command; the files are looked at as they are.
        return ":" if work.turn.message.id.startswith(NOT_SAID) else said
    if sent_back:
        words = prompts.render("sent_back", findings=prompts.fence(Untrusted(sent_back), name="findings"))
    else:
        words = await _asked_for(work)
        enclosed = await enclosed_words(work, await _new_to(work))
        words = f"{words}\n{enclosed}" if enclosed else words
    if work.plans:
        return prompts.render("plan", words=words)
    return prompts.render("resumed", words=words) if begun else words


async def _asked_for(work: Work) -> str:
    """The turn's message, in the light of what this agent knows already."""
    said = work.turn.message.text
    before = [event for event in await work.ports.events.read(work.task.id) if event.turn < work.turn.number]
    started = [event.data for event in before if isinstance(event.data, AgentStarted)]
    questions = [event for event in before if isinstance(event.data, QuestionAsked)]
    if work.turn.message.id.startswith(MOVED_BASE):
        return await _moved(work)
    if work.turn.message.id.startswith(CHECKS):
        return prompts.render("checks_failed", findings=prompts.fence(Untrusted(await _red(work)), name="findings"))
    if not started:  # earlier turns never came to the agent
        earlier = [await work.ports.tasks.turn(work.task.id, number) for number in range(1, work.turn.number)]
        return first_words(instruction_of(one.message for one in (*earlier, work.turn)))
    if started[-1].agent != work.agent.name:
        story = prompts.fence(Untrusted(await _story(work, before)), name="story")
        return prompts.render("story", story=story, words=said)
    if questions and questions[-1].turn == work.turn.number - 1:
        asked = questions[-1].data
        assert isinstance(asked, QuestionAsked)
        return prompts.render("answer", question=asked.question, answer=said)
    plan = latest(before)
    if work.plans:
        return prompts.render("plan_change", words=said) if plan else first_words(said)
    if plan is not None and is_go(said):
        return prompts.render("plan_go", plan=prompts.fence(Untrusted(plan.text), name="plan"))
    return prompts.render("reply", reply=said)


async def _red(work: Work) -> str:
    """What the forge's failing checks say of the head that the turn begins with."""
    verdict = await work.ports.records.verdict(work.task.id)
    red = [one for one in verdict.findings if one.kind is Kind.CHECK and one.answer is Answer.FAIL] if verdict else []
    said = (f"{one.verifier}: {one.summary}\n{''.join(each.condensed for each in one.evidence)}" for one in red)
    return "\n\n".join(said)[:_FINDINGS_LIMIT] or work.turn.message.text


async def _moved(work: Work) -> str:
    """The base was merged into the branch; where that conflicts, the files say so."""
    log = await work.ports.events.read(work.task.id)
    merged = next((one.data for one in reversed(log) if isinstance(one.data, BaseMerged)), None)
    files = merged.conflicts if merged is not None else ()
    conflicts = "\n".join(shortened(one, 300) for one in files) or "(none)"
    fenced = prompts.fence(Untrusted(conflicts), name="conflicts")
    return prompts.render("base_moved", branch=work.workspace.base.branch, conflicts=fenced)


async def _new_to(work: Work) -> tuple[Message, ...]:
    """The messages whose files and conversation this agent has not seen."""
    before = [event for event in await work.ports.events.read(work.task.id) if event.turn < work.turn.number]
    started = [event.data for event in before if isinstance(event.data, AgentStarted)]
    if started and started[-1].agent == work.agent.name:
        return (work.turn.message,)
    return await work.ports.tasks.said(work.task.id, work.turn.number)


async def _story(work: Work, events: list[Event]) -> str:
    """What was asked, said and found so far, for an agent that was not there."""
    said = {one.id: one.text for one in await work.ports.tasks.said(work.task.id, work.turn.number - 1)}
    lines: list[str] = []
    turn = 0
    for event in events:
        if event.turn != turn:
            turn = event.turn
            message = (await work.ports.tasks.turn(work.task.id, turn)).message
            lines.append(f"Turn {turn}. A person asked:\n{message.text}")
        match event.data:
            case MessageDelivered(message=id):
                lines.append(f"Meanwhile a person said:\n{said.get(MessageId(id), '')}")
            case AgentFinished(summary=summary, cut_short=cut, reason=reason):
                ended = f" (ended early, {cut}: {reason})" if cut else ""
                lines.append(f"The agent said at its end{ended}:\n{summary or '(nothing)'}")
            case QuestionAsked(question=question):
                lines.append(f"The agent asked people:\n{question}")
            case VerdictGiven(answer=answer, findings=findings):
                lines.append("\n".join([f"The verification's answer: {answer}", *findings]))
    return "\n\n".join(lines)[-_STORY_LIMIT:]


async def guidance_of(work: Work) -> str:
    return await guidance(work.workspace, repositories=work.ports.repositories)
