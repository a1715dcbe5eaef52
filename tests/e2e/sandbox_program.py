"""A program of its own that uses the sandbox: as another user, or to be killed.

Arguments: HONK_HOME, a workspace, and what to do. Prints one JSON object a line.
"""

import json
import sys
import threading
from pathlib import Path

import anyio

from honk.adapters.bubblewrap import Bubblewrap
from honk.ports import Bounds, Box

STARTERS: set[int] = set()


def say(**facts: object) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def note_starters(event: str, _: object) -> None:
    if event == "subprocess.Popen":
        STARTERS.add(threading.get_ident())


async def hold(sandboxes: Bubblewrap, workspace: Path, word: str) -> None:
    """Starts a stubborn tree and waits to be killed."""
    async with sandboxes.open(Box(workspace=workspace)) as sandbox:
        script = f"trap : TERM HUP INT; setsid sleep {word}1 & sleep {word}2 & echo up; while :; do sleep {word}3; done"
        process = await sandbox.start(("sh", "-c", script))
        say(up=(await anext(process.lines())).decode(), loop_thread_only={threading.get_ident()} == STARTERS)
        await anyio.sleep_forever()


async def tour(sandboxes: Bubblewrap, workspace: Path, word: str) -> None:
    """What an ordinary user's sandbox does, each kind of call once."""
    walls = await sandboxes.probe()
    say(walls={wall.name: [wall.holds, wall.detail] for wall in walls if wall.required})
    bounds = Bounds(processes=32, memory=128 << 20)
    async with sandboxes.open(Box(workspace=workspace, bounds=bounds)) as sandbox:
        ran = await sandbox.run(("sh", "-c", "id -u; id -un; touch made; pwd"), seconds=10)
        say(ran=ran.stdout.decode().split(), exit_code=ran.exit_code)
        late = await sandbox.run(("sleep", word), seconds=0.2)
        say(late=late.exit_code)
        process = await sandbox.start(("cat",))
        await process.send(b"line\n")
        say(line=(await anext(process.lines())).decode())
        await process.kill()
    say(left=[path.name for path in (Path(sys.argv[1]) / "run").iterdir()])


async def main() -> None:
    home, workspace, what, word = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    sys.addaudithook(note_starters)
    sandboxes = Bubblewrap(home)
    await {"hold": hold, "tour": tour}[what](sandboxes, workspace, word)


if __name__ == "__main__":
    anyio.run(main)
