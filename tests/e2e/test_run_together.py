"""Ctrl-C, stop, follow, reply, and several commands on one HONK_HOME."""

import signal
from collections.abc import Iterator

import anyio
import pytest
from run_world import QUICK, Event, Honk, world

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

LONG = "echo lala >> song.txt; test -e /home/honk/again && exit; touch /home/honk/again; sleep 60"


@pytest.fixture(scope="module")
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


def _on(where: str) -> dict[str, str]:
    """Repositories in which something takes a minute, the first time only where it must end."""
    slow = {
        "setting up": 'setup = ["sleep 60"]\nverify = ["grep -q la song.txt"]\n',
        "on the base": 'verify = ["sleep 60"]\n',
        "verifying": 'verify = ["grep -q lala song.txt && sleep 60; grep -q la song.txt"]\n',
        "building": 'verify = ["true"]\n[build]\ncommand = "sleep 60"\noutput = "song.txt"\n',
        "at work": QUICK[".honk.toml"],
    }
    return {**QUICK, ".honk.toml": slow[where]}


def _reached(where: str) -> "dict[str, object]":
    return {
        "setting up": {"event": "step.progressed", "step": "environment", "detail": "sleep 60"},
        "on the base": {"event": "verifier.started", "on": "base"},
        "at work": {"event": "agent.started"},
        "verifying": {"event": "verifier.started", "on": "change"},
        "building": {"event": "step.progressed", "step": "build"},
    }[where]


def _matches(where: str, event: Event) -> bool:
    return all(event.get(key, event.get("data", {}).get(key)) == value for key, value in _reached(where).items())


@pytest.mark.parametrize(
    "where",
    [
        "at work",
        *(pytest.param(w, marks=pytest.mark.slow) for w in ("verifying", "setting up", "on the base", "building")),
    ],
)
async def test_stop_from_another_process(home: Honk, where: str) -> None:
    music = home.repository(_on(where))
    command = LONG if where == "at work" else "echo lala >> song.txt"
    async with home.started("run", music, command, "--agent", "command", "--json") as running:
        task = (await running.until(lambda event: _matches(where, event)))["task"]
        stopped = await home("stop", task, "--json", seconds=12)
        with anyio.fail_after(2):
            done = await running.done()
    assert (stopped.code, stopped.events[0]["state"]) == (0, "stopped"), stopped.words
    assert (done.code, done.settled["state"], done.settled["outcome"]) == (1, "stopped", "stopped")
    home.nothing_left()


@pytest.mark.parametrize("number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
async def test_an_interrupt_says_what_is_kept_and_retry_goes_on(home: Honk, number: int) -> None:
    music = home.repository()
    async with home.started("run", music, f"{LONG} # {number}", "--agent", "command", "--json") as running:
        task = (await running.until("agent.started"))["task"]
        running.process.send_signal(number)
        with anyio.fail_after(10):
            done = await running.done()
    assert done.code == 130 and f"honk retry {task}" in done.err
    assert "Traceback" not in done.err
    home.nothing_left()
    # A deterministic command begins afresh, so that it sleeps again: the person stops it for good.
    async with home.started("retry", task, "--json") as running:
        await running.until("agent.started")
        assert (await home("stop", task)).code == 0
        assert (await running.done()).settled["state"] == "stopped"
    home.nothing_left()


@pytest.mark.slow
async def test_a_second_command_has_its_work_done_by_the_first(home: Honk) -> None:
    music, other = home.repository(), home.repository()
    async with home.started("run", music, LONG, "--agent", "command", "--json") as first:
        task = (await first.until("agent.started"))["task"]
        second = await home.change(other, "echo lala >> song.txt")
        assert second.code == 0 and len(home.branches(other)) == 1
        async with home.started("follow", task, "--json") as follower:
            await follower.until("agent.started")
            assert (await home("stop", task)).code == 0
            assert (await first.done()).settled == (await follower.done()).settled
    home.nothing_left()


@pytest.mark.slow
async def test_the_second_takes_over_when_the_first_is_killed(home: Honk) -> None:
    music, other = home.repository(), home.repository()
    async with home.started("run", music, LONG, "--agent", "command", "--json") as first:
        killed = (await first.until("agent.started"))["task"]
        async with home.started("run", other, f"{LONG} # 2", "--agent", "command", "--json") as second:
            mine = (await second.until("agent.started"))["task"]
            await first.killed()
            with anyio.fail_after(15):
                await second.until(lambda _: [e["event"] for e in second.events()].count("agent.started") == 2)
            assert (await home("stop", mine)).code == 0
            assert (await second.done()).settled["task"] == mine
    assert [task["state"] for task in (await home("tasks", "--json")).events if task["task"] == killed] == ["coding"]
    assert (await home("stop", killed, "--json")).events[0]["state"] == "stopped"
    home.nothing_left()


@pytest.mark.slow
async def test_a_reply_to_work_that_runs_is_the_next_turn(home: Honk) -> None:
    music = home.repository()
    wait = "echo lala >> song.txt; sleep 5"
    async with home.started("run", music, wait, "--agent", "command", "--json") as first:
        task = (await first.until("agent.started"))["task"]
        replied = await home("reply", task, "echo more >> song.txt", "--json")
        await first.done()
    assert replied.code == 0 and [e["turn"] for e in replied.events[:-1]][-1] == 2
    shown = (await home("show", task, "--json")).events[0]
    assert (shown["turns"], shown["state"]) == (2, "proposed")
    assert home.branches(music) == [shown["pull_request"]["branch"]]
    assert home.git(music, "show", f"{home.branches(music)[0]}:song.txt").split() == ["la", "lala", "more"]
    assert home.git(music, "rev-list", "--count", f"main..{home.branches(music)[0]}") == "2"
    home.nothing_left()
