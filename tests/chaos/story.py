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
    """The first step whose tool call has not been seen to end: as a real model, it trusts its transcript only."""
    seen = "\n".join(_results(asked))
    more = any(MORE in text for _, text in asked.said())
    for name in steps(more):
        if f"done {name}!" not in seen:
            # The log shows a call that was made twice; the file does not.
            command = f"echo {name} >> log.txt; echo la > {name}.txt; sleep 0.15; echo 'done '{name}'!'"
            return Say(f"Now {name}.", (Call("Bash", {"command": command, "description": name}),))
    return Say("Done.")


def _results(asked: Asked) -> list[str]:
    found = []
    for message in asked.messages:
        content = message.get("content", "")
        for block in content if isinstance(content, list) else []:
            if isinstance(block, dict) and block.get("type") == "tool_result":
                found.append(str(block.get("content", "")))
    return found


SONG = Scenario("song", (_answer,), words=WORDS, repeat=True)


def redone(log: str) -> int:
    """How many tool calls were made more than once, by what they wrote."""
    lines = re.findall(r"\S+", log)
    return len(lines) - len(set(lines))
