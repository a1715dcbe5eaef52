"""agent at its end → verified before it leaves: it hears what the gate refuses while it still knows its work.

Nothing here counts for people: the verdict is taken afterwards, on the tree that was handed back. It is quick
then, because what ran on the same tree, by the same verifier, in the same environment, is not run again.
"""

import anyio
import structlog

from honk import prompts
from honk.domain.text import Untrusted
from honk.domain.verdict import Answer
from honk.errors import HandBackRefused, HonkError
from honk.steps.code.tools import verdict_for_agent
from honk.steps.code.tree import take
from honk.steps.code.work import Work, asked

_log = structlog.get_logger()
#: How often one attempt is kept from ending; then it may end with whatever there is.
_SENT_ON = 2


async def may_end(work: Work) -> str:
    """Whether the agent may end: "" or what is wrong with its files as they are now.

    It may when somebody wants something else of it (a message waits, a stop, a limit), and when the gate cannot say.
    """
    if work.plans or work.ending or work.unheard or work.sent_on >= _SENT_ON or await asked(work):
        return ""
    findings = ""
    with anyio.CancelScope() as work.closing:
        try:
            findings = await _findings(work)
        except HonkError as error:
            _log.warning("what the agent made could not be verified as it ended", task=work.task.id, reason=str(error))
    work.closing = None
    if not findings:
        return ""
    work.sent_on += 1
    return prompts.render("before_ending", findings=prompts.fence(Untrusted(findings), name="findings"))


async def _findings(work: Work) -> str:
    async with work.checking:
        try:
            change = await take(work)
        except HandBackRefused as refusal:
            return f"These files may not be handed back: {refusal}"
        if change.empty or change.commit == change.parent or change.tree == work.verified:
            return ""
        with work.verifying.running():
            verdict = await verdict_for_agent(work, change)
    return work.ports.gate.words(verdict) if verdict and verdict.answer is Answer.FAIL else ""


def leave(work: Work) -> None:
    """The agent may end now: its files are verified afterwards."""
    if work.closing is not None:
        work.closing.cancel()
