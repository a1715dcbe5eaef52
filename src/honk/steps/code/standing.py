"""What an agent is told of a repository before anybody has asked for anything: it depends on the base alone."""

from honk import prompts
from honk.domain.text import Untrusted
from honk.domain.workspace import Workspace
from honk.ports import Repositories

#: What the agent is told about how the repository wants to be worked on, in the order of reading.
_INSTRUCTION_FILES = ("AGENTS.md", "CLAUDE.md", ".claude/CLAUDE.md")
_INSTRUCTION_FILE_LIMIT = 60_000


async def guidance(workspace: Workspace, *, repositories: Repositories) -> str:
    """Honk's own standing words, and the repository's as they are on the base."""
    parts = []
    for name in _INSTRUCTION_FILES:
        content = await repositories.read(workspace.repository, workspace.base.commit, name, _INSTRUCTION_FILE_LIMIT)
        if content:
            text = f"{name}:\n{content.decode('utf-8', 'replace')}"
            parts.append(prompts.fence(Untrusted(text), name="instruction-files"))
    files = "\nThe repository's own instructions for agents:\n" + "\n".join(parts) if parts else ""
    return prompts.render("guidance", instruction_files=files)


def first_words(instruction: str) -> str:
    """What the agent of a new task is told."""
    return prompts.render("instruction", instruction=instruction)
