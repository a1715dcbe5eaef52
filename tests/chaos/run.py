"""Kills a real server, its agents and its sandboxes at random moments until enough trials are made; prints the score.

    make chaos TRIALS=300 SEED=7

One trial is one kill. The same seed gives the same victims, pauses and stories; what is hit at that moment
depends on the machine.
"""

import argparse
import contextlib
import os
import random
import signal
import statistics
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.abc

sys.path.insert(0, str(Path(__file__).parent))

from life import Life
from place import KEY, Place, place, serving
from story import SONG
from victims import KINDS, of_home, strike

from honk.domain.event import AgentStarted, EventData
from honk.settings import Settings
from honk.testing.scripted_model import ScriptedModel
from honk.wiring import open_honk
from honk.wiring.house import OpenHonk

#: seconds that a stopped worker stays stopped
_STOPPED = (0.5, 2.0)
#: seconds that are waited for a sign of life: of a server, of an agent
_RECOVERY = (60.0, 6.0)


@dataclass(kw_only=True)
class Score:
    """What came of it."""

    trials: int = 0
    lives: list[Life] = field(default_factory=list)
    #: seconds from a kill to the next event of a task that it may have hit, by victim
    recovery: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    strays: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        return [one for life in self.lives for one in life.lost]

    @property
    def doubled(self) -> list[str]:
        return [one for life in self.lives for one in life.doubled] + self.strays

    @property
    def good(self) -> bool:
        return not self.lost and not self.doubled and all(life.over for life in self.lives)

    def table(self) -> str:
        """For people."""
        rows = [f"{'victim':10} {'trials':>6} {'p50 s':>7} {'p95 s':>7} {'max s':>7}"]
        for kind in KINDS:
            if times := sorted(self.recovery.get(kind, [])):
                p95 = times[min(len(times) - 1, round(0.95 * (len(times) - 1)))]
                rows.append(f"{kind:10} {len(times):6} {statistics.median(times):7.2f} {p95:7.2f} {times[-1]:7.2f}")
        redone = sum(life.redone for life in self.lives)
        retried = sum(life.retried for life in self.lives)
        rows.append(
            f"{self.trials} trials, {len(self.lives)} tasks to production: {len(self.lost)} lost, "
            f"{len(self.doubled)} doubled; {redone} tool calls in flight done again, "
            f"{retried} turns retried by a person after the 4th death of one attempt"
        )
        return "\n".join([*rows, *(f"LOST {one}" for one in self.lost), *(f"DOUBLED {one}" for one in self.doubled)])


@dataclass(kw_only=True)
class Chaos:
    """One run."""

    here: Place
    house: OpenHonk
    trials: int
    seed: int
    victims: tuple[str, ...] = KINDS
    #: tasks that are alive at the same time
    at_once: int = 3
    #: seconds between two kills
    pauses: tuple[float, float] = (0.3, 3.0)
    say: bool = True
    score: Score = field(default_factory=Score)

    async def run(self) -> Score:
        """Lives are begun until the kills are made, and all of them are lived to their end."""
        chance = random.Random(self.seed)
        async with serving(self.here), anyio.create_task_group() as group:
            await self.here.ready.wait()
            for _ in range(self.at_once):
                group.start_soon(self._lives, random.Random(chance.random()))
            await self._kill(chance)
        self.score.strays = await self._left_behind()
        return self.score

    async def _lives(self, chance: random.Random) -> None:
        while True:
            number = len(self.score.lives)
            life = Life(
                number=number,
                here=self.here,
                app=self.house.app,
                person=self.house.person,
                chance=random.Random(chance.random()),
            )
            self.score.lives.append(life)
            await life.live()
            for wrong in (*life.lost, *life.doubled):
                self._tell(f"WRONG {wrong}")
            if life.lost or life.doubled:
                for event in await life.events():
                    self._tell(f"    {event.seq} turn {event.turn} {event.data}"[:300])
            if self.score.trials >= self.trials:
                return

    async def _kill(self, chance: random.Random) -> None:
        while self.score.trials < self.trials:
            await self.here.ready.wait()
            await anyio.sleep(chance.uniform(*self.pauses))
            kind = chance.choice(self.victims)
            server = self.here.server
            hit = [life for life in self.score.lives if not life.over]
            before = {life.number: len(await life.events()) for life in hit}
            if kind in {"agent", "sandbox"}:
                hit = [life for life in hit if any(isinstance(e.data, AgentStarted) for e in await life.events())]
            if server is None or server.returncode is not None or not strike(kind, server.pid, self.here.home, chance):
                continue
            began = time.monotonic()
            self.score.trials += 1
            if kind == "stopped":
                await self._second_server(chance, server)
                began = time.monotonic()
            if kind in {"worker", "group", "disk"}:
                self.here.ready = anyio.Event()
            seconds = await self._recovered(kind, hit, before, began)
            if seconds is not None:
                self.score.recovery[kind].append(seconds)
            self._tell(f"{self.score.trials:4} {kind:8} {'-' if seconds is None else f'{seconds:.2f} s'}")

    async def _second_server(self, chance: random.Random, server: "anyio.abc.Process") -> None:
        """While the worker is stopped, another server must not take its work."""
        async with await self.here.start() as other:
            with anyio.move_on_after(chance.uniform(*_STOPPED)) as waiting:
                await other.wait()
            if waiting.cancelled_caught:
                other.kill()
            elif other.returncode == 0:
                self.score.strays.append("a second server worked beside a stopped one")
        with contextlib.suppress(ProcessLookupError):
            os.kill(server.pid, signal.SIGCONT)

    async def _recovered(self, kind: str, hit: list[Life], before: dict[int, int], began: float) -> float | None:
        """Seconds until work goes on: until the next event or, of an agent, until it has started again.

        None where nothing was under way, such as with a sandbox that only verified.
        """
        wanted = AgentStarted if kind in {"agent", "sandbox"} else EventData
        with anyio.move_on_after(_RECOVERY[wanted is AgentStarted]):
            while any(not life.over for life in hit):
                for life in hit:
                    if any(isinstance(event.data, wanted) for event in (await life.events())[before[life.number] :]):
                        return time.monotonic() - began
                await anyio.sleep(0.02)
        return None

    async def _left_behind(self) -> list[str]:
        """Processes, sockets and folders that should be gone once the server has ended."""
        with anyio.move_on_after(10):
            while of_home(self.here.home):
                await anyio.sleep(0.1)
        home = self.here.home
        sockets = [str(path) for path in (home / "run").rglob("*") if path.is_socket()]
        checkouts = [str(path) for path in (home / "checkouts").glob("*")]
        wip = [
            f"{mirror}: {ref}"
            for mirror in home.glob("repositories/*/mirror.git")
            for ref in self.here.git(mirror, "for-each-ref", "--format=%(refname)", "refs/honk/wip").split()
        ]
        left = [*of_home(home), *sockets, *checkouts, *wip]
        return [*self.score.strays, *(f"left behind: {one}" for one in left)]

    def _tell(self, line: str) -> None:
        if self.say:
            print(line, flush=True)  # noqa: T201


async def chaos(
    trials: int,
    seed: int,
    *,
    say: bool = True,
    victims: tuple[str, ...] = KINDS,
    at_once: int = 3,
    pauses: tuple[float, float] = (0.3, 3.0),
) -> Score:
    """A whole run in a place of its own."""
    async with ScriptedModel([SONG], key=KEY, strict=False) as model:
        with place(model.url) as here:
            async with open_honk(Settings.load(here.environment)) as house:
                run = Chaos(here=here, house=house, trials=trials, seed=seed, say=say, victims=victims)
                run.at_once, run.pauses = at_once, pauses
                score = await run.run()
        score.strays += [f"the model: {one}" for one in model.complaints]
    return score


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--victims", default=",".join(KINDS), help="some of " + ", ".join(KINDS))
    asked = parser.parse_args()
    seed = random.randrange(1_000_000) if asked.seed is None else asked.seed
    print(f"seed {seed}", flush=True)  # noqa: T201
    score = anyio.run(lambda: chaos(asked.trials, seed, victims=tuple(asked.victims.split(","))))
    print(score.table())  # noqa: T201
    print(f"again with: make chaos TRIALS={asked.trials} SEED={seed}")  # noqa: T201
    return 0 if score.good else 1


if __name__ == "__main__":
    raise SystemExit(main())
