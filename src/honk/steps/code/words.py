"""What the agent is told."""

from honk import prompts
from honk.domain.text import Untrusted
from honk.steps.code.work import Work

#: What the agent is told about how the repository wants to be worked on, in the order of reading.
_INSTRUCTION_FILES = ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md")
_INSTRUCTION_FILE_LIMIT = 60_000


def words_of(work: Work, sent_back: str, *, begun: bool) -> str:
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


async def guidance_of(work: Work) -> str:
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
