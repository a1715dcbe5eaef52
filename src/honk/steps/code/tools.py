"""What Honk lets the agent call."""

from dataclasses import replace

from honk.domain.attempt import Change
from honk.domain.event import QuestionAsked
from honk.domain.text import one_line
from honk.domain.turn import instruction_of
from honk.domain.verdict import Verdict
from honk.errors import HandBackRefused, Usage
from honk.steps.code.tree import take
from honk.steps.code.work import Work

#: Characters of a question and of a choice, and how many choices there may be.
_QUESTION, _CHOICE, _CHOICES = 4000, 300, 12


async def verify_for_agent(work: Work) -> str:
    """The agent's `verify` tool: the same code as the verdict, on the tree as it is now."""
    async with work.checking:
        try:
            change = await take(work)
        except HandBackRefused as refusal:
            return f"These files may not be handed back: {refusal}"
        if change.empty:
            return "Nothing differs from the base, so there is nothing to verify."
        verdict = await verdict_for_agent(work, change)
        return work.ports.gate.words(verdict) if verdict else "Verification is pending elsewhere."


async def verdict_for_agent(work: Work, change: Change) -> Verdict | None:
    """What the gate says to the agent; nothing that it says here counts for people."""
    said = await work.ports.tasks.said(work.task.id, work.turn.number)
    exam = replace(work.exam, change=change, on="agent", instruction=instruction_of(said))
    verdict = await work.ports.gate.verify(exam, work.tell)
    work.verified = change.tree
    return verdict


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
