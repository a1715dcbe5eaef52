"""What Honk lets the agent call."""

from dataclasses import replace

from honk import prompts
from honk.domain.event import QuestionAsked
from honk.domain.text import one_line
from honk.domain.turn import instruction_of
from honk.domain.verdict import Verdict
from honk.errors import HandBackRefused, Usage
from honk.steps.code.tree import take
from honk.steps.code.work import Work

#: Characters of a question and of a choice, and how many choices there may be.
_QUESTION, _CHOICE, _CHOICES = 4000, 300, 12
#: How often one attempt is asked to verify before it may end all the same; Honk verifies anyway.
_REMINDERS = 2


async def verify_for_agent(work: Work) -> str:
    """The agent's `verify` tool: the same code as the verdict, on the tree as it is now."""
    async with work.checking:
        try:
            change = await take(work)
        except HandBackRefused as refusal:
            return f"These files may not be handed back: {refusal}"
        if change.empty:
            return "Nothing differs from the base, so there is nothing to verify."
        said = await work.ports.tasks.said(work.task.id, work.turn.number)
        exam = replace(work.exam, change=change, on="agent", instruction=instruction_of(said))
        verdict: Verdict | None = await work.ports.gate.verify(exam, work.tell)
        work.verified = change.tree
        return work.ports.gate.words(verdict) if verdict else "Verification is pending elsewhere."


async def may_end(work: Work) -> str:
    if work.reminders >= _REMINDERS:
        return ""
    try:
        change = await take(work)
    except HandBackRefused as refusal:
        work.reminders += 1
        return f"These files may not be handed back: {refusal}"
    if change.empty or change.commit == change.parent or change.tree == work.verified:
        return ""
    work.reminders += 1
    return prompts.render("before_ending")


async def ask_people(work: Work, question: str, choices: tuple[str, ...]) -> str:
    """The agent's `ask` tool: the question is told, and whoever asked waits for the answer without working."""
    if not question.strip():
        raise Usage("a question has words")
    said = QuestionAsked(
        question=question.strip()[:_QUESTION],
        choices=tuple(one_line(choice)[:_CHOICE] for choice in choices[:_CHOICES] if choice.strip()),
    )
    key = f"question/{work.turn.name}/{work.number}"
    await work.ports.events.record(work.task.id, work.turn.number, said, key=key)
    return "The question was passed on. Your work ends now; the answer begins your next turn."
