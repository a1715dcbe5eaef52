"""What Honk lets the agent call."""

from dataclasses import replace

from honk import prompts
from honk.domain.verdict import Verdict
from honk.errors import HandBackRefused
from honk.steps.code.tree import take
from honk.steps.code.work import Work

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
        exam = replace(work.exam, change=change, on="agent")
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
