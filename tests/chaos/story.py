"""What each task of a chaos run is asked for, and what the scripted model answers."""

import re
from collections.abc import Mapping

from honk.testing.scripted_model import Call, Say, Scenario
from honk.testing.scripted_model.asked import Asked

#: Tool calls of one instruction.
STEPS = 4
#: The agent's marker for the words that a person adds while it works, or after it.
MORE = "[[more]]"
WORDS = "make the song longer"

FILES: Mapping[str, str] = {
    "song.txt": "la\n",
    ".honk.toml": """
verify = ["grep -q la song.txt"]
[build]
command = "mkdir -p out && cp *.txt out/"
output = "out"
[deploy]
command = 'cp -R "$HONK_ARTIFACT"/. "$HONK_PRODUCTION"/'
""",
}


def steps(more: bool) -> tuple[str, ...]:
    """The names of the files that must be there in the end."""
    return tuple(f"step-{number}" for number in range(1, STEPS + 1)) + (("more",) if more else ())


def _answer(asked: Asked) -> Say:
    """The first step whose tool call has not been seen to end: it trusts its transcript, as a real model does.

    Told that the workspace was lost, it looks after every step again.
    """
    blocks = [block for message in asked.messages if message.get("role") != "assistant" for block in _blocks(message)]
    lost = max((at for at, block in enumerate(blocks) if "workspace was lost" in block), default=0)
    more = any(MORE in block for block in blocks)
    for name in steps(more):
        if not any(f"done {name}!" in block for block in blocks[lost:]):
            # The log shows a call that was made twice; the file does not.
            command = f"echo {name} >> log.txt; echo la > {name}.txt; sleep 0.15; echo 'done '{name}'!'"
            return Say(f"Now {name}.", (Call("Bash", {"command": command, "description": name}),))
    return Say("Done.")


def _blocks(message: Mapping[str, object]) -> list[str]:
    content = message.get("content", "")
    return [str(block) for block in content] if isinstance(content, list) else [str(content)]


SONG = Scenario("song", (_answer,), words=WORDS, repeat=True)


def redone(log: str) -> int:
    """How many tool calls were made more than once, by what they wrote."""
    lines = re.findall(r"\S+", log)
    return len(lines) - len(set(lines))
