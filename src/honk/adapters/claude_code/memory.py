"""What a session's transcript remembers: whether a message of a person reached the agent before a crash."""

import shlex

from honk.adapters.claude_code.options import transcript
from honk.domain.message import tag
from honk.ports import Sandbox

#: Seconds for looking through a transcript.
_LOOK = 30.0
#: Entries of the conversation itself; others tell only that a message waited in line.
_SPOKEN = '"type":"\\(user\\|attachment\\)"'


async def remembered(sandbox: Sandbox, session: str, ids: tuple[str, ...]) -> frozenset[str]:
    """Those of the messages that the conversation holds.

    They are found by their tags, in the words: messages that were joined stand in one entry, under one id.
    """
    if not ids:
        return frozenset()
    wanted = " ".join(f"-e {shlex.quote(tag(id))}" for id in ids)
    place = shlex.quote(transcript(session))
    script = f"grep -s -e {shlex.quote(_SPOKEN)} {place} | grep -oF {wanted} | sort -u"
    ran = await sandbox.run(("sh", "-c", script), seconds=_LOOK)
    found = ran.stdout.decode("utf-8", "replace").split()
    return frozenset(id for id in ids if tag(id) in found)
