# ruff: noqa: SIM117 - who is served needs what was opened before
"""What Honk adds to Slack, each row beside its alternative in the same run. `--rows` chooses, `--help` says which.

Slack is honk.testing.fake_slack in this process, over its socket; Honk is a server with its store on disk. `ack` and
`first` run `honk serve`; `updates` and `delay` run the same house in a process that also records events of tasks, as
their agents would. With `limits` Slack answers 429 as its documentation says. Times in ms, from this process's clock.
A row takes about a minute; whatever has not come by then is said, and is missing in `came`.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from server import Arrivals, scenarios, serving, small

from honk.testing.fake_slack import FakeSlack, Limits
from honk.testing.scripted_model import Say, Scenario, ScriptedModel

#: people and channels among which mentions are spread
USERS, CHANNELS = 10, 20
#: seconds after which a reaction tells nobody anything
LATE = 2.0
EVERYBODY = """
[[roles]]
repositories = ["*"]
people = ["*"]
may = ["ask", "steer", "merge", "deploy", "administer"]
"""
#: seconds for which it is waited for what a run has left to do: by then what is missing is late anyway
PATIENCE = 15.0
#: seconds for which it is waited for a process, an agent or a task
START = 30.0
#: words of a task that ends with the model's first answer
GLANCE = "Glance around"


async def within(wait: Awaitable[Any], what: str, seconds: float = START) -> Any:
    """What is waited for; None and a word about it where it has not come by then."""
    try:
        return await asyncio.wait_for(wait, seconds)
    except TimeoutError:
        print(f"  waited {seconds:.0f} s for {what}: it did not come", flush=True)
        return None


async def told(pipe: Any, what: str, seconds: float = START) -> Any:
    """What the other process says next. Ends the run where it says nothing."""
    if not await asyncio.to_thread(pipe.poll, seconds):
        raise SystemExit(f"waited {seconds:.0f} s for {what}: the other process said nothing")
    return await asyncio.to_thread(pipe.recv)


# ── Slack, and what is said in it ────────────────────────────────────────────────────────────────
@asynccontextmanager
async def slack(limited: bool) -> AsyncIterator[FakeSlack]:
    async with FakeSlack(limits=Limits() if limited else None) as made:
        users = [made.add_user(f"user{number}") for number in range(USERS)]
        for number in range(CHANNELS):
            made.add_channel(f"bench-{number}", members=users)
        yield made


def environ(slack: FakeSlack) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": slack.app.bot_token,
        "SLACK_APP_TOKEN": slack.app.app_token,
        "SLACK_SIGNING_SECRET": slack.app.signing_secret,
    }


@dataclass
class Mention:
    """One message, and when each answer to it was there; seconds after it was said, None where it never came."""

    channel: str
    ts: str
    at: float
    times: dict[str, float] = field(default_factory=dict)


class Mentions:
    """Says them at a rate, and finds the answers in what Slack was asked to do."""

    def __init__(self, slack: FakeSlack) -> None:
        self._slack = slack
        self._from = len(slack.calls)
        self.said: list[Mention] = []

    async def say(self, count: int, rate: float, words: Callable[[int], str]) -> None:
        began = time.monotonic()
        for number in range(count):
            await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
            channel, user = f"bench-{number % CHANNELS}", f"user{number % USERS}"
            at = time.time()
            ts = await self._slack.say(user, channel, f"{self._slack.mention} {words(number)}")
            self.said.append(Mention(self._slack.space.channel(channel).id, ts, at))

    def look(self) -> None:
        """Reads the answers out of the calls: a call counts when it reached Slack and was done."""
        by = {(one.channel, one.ts): one for one in self.said}
        for call in self._slack.calls[self._from :]:
            if not call.ok:
                continue
            given = call.arguments
            if call.method == "reactions.add" and given.get("name") == "eyes":
                found, what = by.get((given["channel"], given["timestamp"])), "reaction"
            elif call.method == "chat.postMessage":
                found, what = by.get((given["channel"], given.get("thread_ts") or "")), "card"
            else:
                continue
            if found is not None:
                found.times.setdefault(what, call.at - found.at)

    async def answered(self, *wanted: str, seconds: float) -> None:
        """Until every mention has them, or nothing has come for a while."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.look()
            if all(set(wanted) <= set(one.times) for one in self.said):
                return
            await asyncio.sleep(0.05)

    def of(self, what: str) -> list[float]:
        return sorted(one.times[what] for one in self.said if what in one.times)


# ── Honk, as `honk serve` and as a house that records ────────────────────────────────────────────
@asynccontextmanager
async def served(slack: FakeSlack, root: Path, name: str, model: ScriptedModel, source: Path, **work: int) -> Any:
    """`honk serve` with the door open, and one repository that it knows."""
    more = f'[repositories]\nsmall = "{source}"\n[slack]\napi_url = "{slack.api}"\n{EVERYBODY}'
    async with serving(root, name, model, more=more, environ=environ(slack), **work) as honk:
        await slack.until(lambda: slack.connections, seconds=START)
        yield honk


def scripted() -> ScriptedModel:
    glance = Scenario("glance", (Say("Seen."),), words=GLANCE, repeat=True)
    return ScriptedModel([glance, *scenarios()], strict=False)


def house(pipe: Any, home: Path, given: dict[str, str], source: Path) -> None:
    """A server in whose process events of tasks are recorded; no task is worked on."""

    async def main() -> None:
        from honk.settings import Settings
        from honk.wiring import open_honk

        log = (home / "log").open("wb")
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        settings = Settings.load({"HONK_HOME": str(home), "PATH": os.environ["PATH"], "HOME": str(home), **given})
        async with open_honk(settings) as opened, opened.serving("127.0.0.1", 0):
            pipe.send("open")
            places, *load = await asyncio.to_thread(pipe.recv)
            tasks = [await talked_about(opened, place, source, number) for number, place in enumerate(places)]
            pipe.send([task.id for task in tasks])
            await asyncio.to_thread(pipe.recv)
            counted = await asyncio.gather(*(work(opened, task, *load) for task in tasks))
            pipe.send(counted)
            await asyncio.to_thread(pipe.recv)
            os._exit(0)

    asyncio.run(main())


async def talked_about(opened: Any, place: tuple[str, str, str], source: Path, number: int) -> Any:
    """A task at work, and the thread in which it was asked for."""
    from datetime import UTC, datetime

    from honk.domain.event import TaskNoted
    from honk.domain.message import Message, MessageId
    from honk.domain.task import Options, State, Task, TaskId
    from honk.domain.thread import Place, Thread
    from honk.domain.turn import Turn

    team, channel, root = place
    now, ports = datetime.now(UTC), opened.app.ports
    task = Task(
        id=TaskId(f"bench-{number:03}-told"),
        repository=ports.repositories.identify(str(source)),
        instruction=f"bench {number}",
        requested_by=opened.person.id,
        state=State.CODING,
        options=Options(agent="claude"),
        created_at=now,
    )
    message = Message(id=MessageId(f"bench-{number}"), by=opened.person.id, text="bench", at=now)
    await ports.tasks.add(task, Turn(task=task.id, number=1, message=message))
    where = Place(door="slack", team=team, channel=channel, root=root)
    await ports.events.record(task.id, 1, TaskNoted(text="asked for"))  # whoever has no events is told nothing
    await opened.chats.threads.add(Thread(task=task.id, place=where, asked_by="U0USER0", message=root))
    return task


async def work(opened: Any, task: Any, seconds: float, tools: float, news: float) -> dict[str, list[float]]:
    """What an agent's work stores: `tools` events a second, and every `news` seconds something that people must know.

    When each was stored, by the word that a card shows of it.
    """
    from honk.domain.event import AgentCalledTool, TaskNoted

    events, count, stored = opened.app.ports.events, 0, {"note": [], "part": []}
    phase = min(news, seconds) * random.Random(task.id).random()
    began = time.monotonic()
    while (passed := time.monotonic() - began) < seconds:
        if passed >= phase + news * len(stored["note"]):
            stored["note"].append(time.time())
            await events.record(task.id, 1, TaskNoted(text=f"note {len(stored['note'])} of {task.id}"))
        else:
            stored["part"].append(time.time())
            summary = f"echo part {len(stored['part'])} of {task.id}"
            await events.record(task.id, 1, AgentCalledTool(call=f"c{count}", tool="Bash", summary=summary))
        count += 1
        await asyncio.sleep(max(0.0, began + count / tools - time.monotonic()))
    return stored


# ── the named alternative: a bare app of Slack's own library ─────────────────────────────────────
def bare(pipe: Any, api: str, given: dict[str, str]) -> None:
    """Adds the reaction and does nothing else: no store, no pacing, no second try."""

    async def main() -> None:
        from slack_bolt.adapter.socket_mode.aiohttp import AsyncSocketModeHandler
        from slack_bolt.async_app import AsyncApp
        from slack_sdk.web.async_client import AsyncWebClient

        app = AsyncApp(client=AsyncWebClient(given["SLACK_BOT_TOKEN"], base_url=api))

        @app.event("message")
        async def nothing() -> None:
            """The same message comes as a mention."""

        @app.event("app_mention")
        async def mentioned(event: dict[str, Any], client: AsyncWebClient) -> None:
            await client.reactions_add(channel=event["channel"], timestamp=event["ts"], name="eyes")

        web = AsyncWebClient(given["SLACK_APP_TOKEN"], base_url=api)
        await AsyncSocketModeHandler(app, given["SLACK_APP_TOKEN"], web_client=web).connect_async()
        await asyncio.to_thread(pipe.recv)
        os._exit(0)

    import logging

    logging.disable(logging.CRITICAL)
    asyncio.run(main())


@asynccontextmanager
async def process(run: Callable[..., None], *arguments: Any) -> AsyncIterator[Any]:
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    child = spawn.Process(target=run, args=(theirs, *arguments), daemon=True)
    child.start()
    try:
        yield ours
    finally:
        child.kill()
        await asyncio.to_thread(child.join)


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────
def percentile(sorted_: list[float], part: float) -> float:
    return sorted_[min(int(len(sorted_) * part), len(sorted_) - 1)] if sorted_ else float("nan")


def line(label: str, times: list[float], of: int, beside: float | None = None) -> None:
    """p50, p99 and the last; how many there were, and how many within what a person calls at once."""
    times = sorted(times)
    ratio = f"{percentile(times, 0.5) / beside:7.1f}" if beside else f"{'':7}"
    middle, late = percentile(times, 0.5) * 1000, percentile(times, 0.99) * 1000
    last = times[-1] * 1000 if times else float("nan")
    in_time = sum(one <= LATE for one in times)
    print(f"  {label:44}{len(times):5}/{of:<5}{middle:8.0f}{late:8.0f}{last:8.0f}{in_time:7}{ratio}", flush=True)


def head(title: str) -> None:
    print(f"\n{title}\n  {'':44}{'came':>7}{'':4}{'p50':>8}{'p99':>8}{'last':>8}{'<= 2 s':>7}{'ratio':>7}", flush=True)


class Bench:
    def __init__(self, root: Path, options: argparse.Namespace) -> None:
        self._root = root
        self._options = options
        self._source = small(root / "small")
        self._number = 0

    def _name(self) -> str:
        self._number += 1
        return f"home-{self._number}"

    def _loads(self) -> Iterator[tuple[int, float, bool]]:
        for limited in (False, True):
            yield self._options.calm, 1.0, limited
            yield self._options.burst, 50.0, limited

    async def ack(self) -> None:
        """mention → reaction and card, at 1 and at 50 a second."""
        for count, rate, limited in self._loads():
            if not count:
                continue
            head(f"{count} mentions, {rate:g} a second, {'Slacks limits' if limited else 'no limits'}")
            async with slack(limited) as workspace, process(bare, workspace.api, environ(workspace)):
                await workspace.until(lambda: workspace.connections, seconds=START)
                mentions = Mentions(workspace)
                await mentions.say(count, rate, lambda number: f"{GLANCE} ({number})")
                await mentions.answered("reaction", seconds=5)
                theirs = mentions.of("reaction")
                line("bare bolt app: mention → reaction", theirs, count)
            await self._ack_of_honk(count, rate, limited, percentile(theirs, 0.5))

    async def _ack_of_honk(self, count: int, rate: float, limited: bool, beside: float) -> None:
        async with scripted() as model, slack(limited) as workspace:
            work = {"warm_agents": 0, "spares": 0, "concurrency": 1}
            async with served(workspace, self._root, self._name(), model, self._source, **work) as honk:
                first = Mentions(workspace)  # whoever comes first pays for what is loaded then
                await first.say(1, 1, lambda _: f"{GLANCE} first")
                await first.answered("card", seconds=START)
                await asyncio.sleep(2)
                mentions, used = Mentions(workspace), honk.cpu()
                await mentions.say(count, rate, lambda number: f"{GLANCE} ({number})")
                await mentions.answered("card", seconds=PATIENCE)
                line("Honk: mention → reaction", mentions.of("reaction"), count, beside)
                line("Honk: mention → card", mentions.of("card"), count)
                either = [min(one.times.values()) for one in mentions.said if one.times]
                line("Honk: mention → whichever came first", either, count, beside)
                late = [one for one in workspace.calls if one.error == "ratelimited"]
                print(f"  429: {len(late)} {sorted({one.method for one in late})}; cpu {honk.cpu() - used:.2f} s")

    async def first(self) -> None:
        """mention → first request to the model, beside the same instruction through the API; one after the other."""
        for label, work, count, rate in (
            ("warm, one after another", {"warm_agents": 1}, self._options.runs, 0.0),
            ("cold, 50 a second", {"warm_agents": 0, "spares": 1, "concurrency": self._options.agents}, 0, 50.0),
        ):
            count = count or self._options.agents
            head(f"{count} instructions, {label}")
            async with scripted() as model, slack(False) as workspace:
                async with served(workspace, self._root, self._name(), model, self._source, **work) as honk:
                    before = honk.settled(await honk.submit(self._source, f"{GLANCE} before"))
                    await within(before, "the first task to settle")
                    if rate:
                        ours, theirs = await self._at_once(workspace, honk, model, count, rate)
                    else:
                        ours, theirs = await self._alternating(workspace, honk, model, count)
            line("the API: instruction → first request", theirs, count)
            line("Slack: mention → first request", ours, count, percentile(sorted(theirs), 0.5))

    async def _alternating(self, workspace: FakeSlack, honk: Any, model: ScriptedModel, count: int) -> Any:
        ours, theirs = [], []
        for number in range(-1, count):
            for into, ask in ((theirs, self._by_api(honk)), (ours, self._by_slack(workspace))):
                await within(honk.ready(1), "an agent that waits")
                words = f"{GLANCE} ({self._name()})"
                began = time.perf_counter()
                await ask(words, 0)
                seen = await within(Arrivals(model).first(words), f"the model to be asked, sample {number}")
                await self._rest(honk)
                if number >= 0 and seen is not None:
                    into.append(seen - began)
                    print(
                        f"    sample {number} of {'Slack' if into is ours else 'the API'}: {into[-1] * 1000:.0f}",
                        flush=True,
                    )
        return ours, theirs

    async def _at_once(self, workspace: FakeSlack, honk: Any, model: ScriptedModel, count: int, rate: float) -> Any:
        found = []
        for ask in (self._by_api(honk), self._by_slack(workspace)):

            async def one(number: int, ask: Any = ask) -> float | None:
                await asyncio.sleep(number / rate)
                words = f"{GLANCE} ({self._name()})"
                began = time.perf_counter()
                await ask(words, number)
                seen = await within(Arrivals(model).first(words), f"the model to be asked, {number} of {count}")
                return None if seen is None else seen - began

            took = await asyncio.gather(*(one(number) for number in range(count)))
            found.append([one for one in took if one is not None])
            await self._rest(honk)
        return found[1], found[0]

    def _by_api(self, honk: Any) -> Callable[[str, int], Awaitable[Any]]:
        return lambda words, _: honk.submit(self._source, words)

    def _by_slack(self, workspace: FakeSlack) -> Callable[[str, int], Awaitable[Any]]:
        return lambda words, number: workspace.say(f"user{number % USERS}", "bench-0", f"{workspace.mention} {words}")

    async def _rest(self, honk: Any) -> None:
        """Until nothing is at work any more."""

        async def rested() -> None:
            while await honk.busy():
                await asyncio.sleep(0.2)

        await within(rested(), "the tasks to end")

    async def updates(self) -> None:
        """Changes of the card beside events, of a task of the real Claude Code with twenty tool calls."""
        print("\na task with 20 tool calls: changes of its card beside its events (alternative: one an event)")
        async with scripted() as model:
            for limited in (False, True):
                async with slack(limited) as workspace:
                    async with served(workspace, self._root, self._name(), model, self._source) as honk:
                        for number in range(self._options.tasks):
                            await workspace.say("user0", "bench-0", f"{workspace.mention} Look around ({number})")
                            await asyncio.sleep(2)
                            await self._rest(honk)
                        await asyncio.sleep(3)
                        events = [len(await honk.events(id)) for id in await honk.tasks()]
                changed = len(workspace.calls_of("chat.update"))
                made = len(workspace.calls_of("chat.postMessage"))
                calls = len(workspace.calls)
                print(
                    f"  {'Slacks limits' if limited else 'no limits':14} {len(events)} tasks, {sum(events)} events, "
                    f"{changed} changes, {made} messages, {calls} calls in all: "
                    f"{changed / sum(events):.3f} changes an event",
                    flush=True,
                )

    async def delay(self) -> None:
        """event → card, for 1, 10 and 30 tasks at once, each with tool calls and, less often, news."""
        for limited in {"no": (False,), "yes": (True,), "both": (False, True)}[self._options.limits]:
            head(f"an event → its card shows it or a later one, {'Slacks limits' if limited else 'no limits'}")
            for count in map(int, self._options.at_once.split(",")):
                await self._delay(count, limited)

    async def _delay(self, count: int, limited: bool) -> None:
        home = self._root / self._name()
        home.mkdir()
        async with slack(limited) as workspace:
            (home / "honk.toml").write_text(f'[slack]\napi_url = "{workspace.api}"\n')
            async with process(house, home, environ(workspace), self._source) as pipe:
                await told(pipe, "the house to open")
                places = []
                for number in range(count):
                    channel = workspace.space.channel(f"bench-{number % CHANNELS}")
                    ts = await workspace.say("user0", channel, f"talk {number}")
                    places.append((workspace.app.team, channel.id, ts))
                await workspace.until(lambda: workspace.connections, seconds=START)
                pipe.send((places, self._options.seconds, self._options.tools, self._options.news))
                ids = await told(pipe, "the tasks")
                cards = lambda: len(workspace.calls_of("chat.postMessage"))  # noqa: E731
                await workspace.until(lambda: cards() >= count, seconds=START)
                await asyncio.sleep(1)
                before = len(workspace.calls_of("chat.update"))
                pipe.send("go")
                counted = await told(pipe, "the end of the work", self._options.seconds + START)
                last = {id: len(stored["note"]) for id, stored in zip(ids, counted, strict=True)}
                await self._shown(workspace, last, seconds=PATIENCE)
                calls = workspace.calls_of("chat.update")[before:]
        for word, what in (("note", "news"), ("part", "what is being done")):
            shown = self._versions(calls, word)
            times = [
                found - at
                for id, stored in zip(ids, counted, strict=True)
                for number, at in enumerate(stored[word], 1)
                if (found := min((when for seen, when in shown.get(id, ()) if seen >= number), default=None))
            ]
            line(f"{count} at once: {what}", times, sum(len(stored[word]) for stored in counted))
        done, events = sum(one.ok for one in calls), sum(len(times) for one in counted for times in one.values())
        print(f"{'':8}{events} events, {done} changes ({done / events:.2f} an event), {len(calls) - done} refused")

    def _versions(self, calls: list[Any], word: str) -> dict[str, list[tuple[int, float]]]:
        """By task: the latest event of that word that each change of its card showed, and when."""
        shown: dict[str, list[tuple[int, float]]] = {}
        for call in calls:
            words = json.dumps(call.arguments.get("blocks"))
            if call.ok and (found := re.findall(word + r" (\d+) of (bench-\d+)", words)):
                id = found[-1][1] + "-told"
                shown.setdefault(id, []).append((max(int(number) for number, _ in found), call.at))
        return shown

    async def _shown(self, workspace: FakeSlack, last: dict[str, int], seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            shown = self._versions(workspace.calls_of("chat.update"), "note")
            if all(max((seen for seen, _ in shown.get(id, ())), default=0) >= number for id, number in last.items()):
                return
            await asyncio.sleep(0.2)


async def main(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        Path(name).chmod(0o755)
        bench = Bench(Path(name), options)
        for chosen in options.rows.split(","):
            await getattr(bench, chosen)()
    print(f"\nload of the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", default="ack,first,updates,delay")
    parser.add_argument("--calm", type=int, default=8, help="mentions at one a second")
    parser.add_argument("--burst", type=int, default=40, help="mentions at fifty a second")
    parser.add_argument("--runs", type=int, default=2, help="samples of `first`, warm")
    parser.add_argument("--agents", type=int, default=3, help="agents that `first` starts at once")
    parser.add_argument("--tasks", type=int, default=1, help="tasks of `updates`")
    parser.add_argument("--at-once", default="1,10,30", help="tasks of `delay`")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the tasks of `delay` work")
    parser.add_argument("--news", type=float, default=4.0, help="seconds between news of each task of `delay`")
    parser.add_argument("--tools", type=float, default=4.0, help="tool calls a second of each task of `delay`")
    parser.add_argument("--limits", choices=("yes", "no", "both"), default="yes", help="of `delay`; Honk paces itself")
    asyncio.run(main(parser.parse_args()))
