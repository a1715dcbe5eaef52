"""`honk serve`: commands far away, followers, restarts, and how it ends."""

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from run_world import QUICK, Honk, world
from serve_world import RELEASED, server

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox, pytest.mark.e2e]

LONG = "echo lala >> song.txt; sleep 60"


@pytest.fixture
def home() -> Iterator[Honk]:
    with world() as made:
        yield made


def bare(home: Honk, repository: Path) -> Path:
    """A copy whose main may be pushed to."""
    copy = repository.with_suffix(".git")
    home.git(repository, "clone", "-q", "--bare", str(repository), str(copy))
    return copy


@pytest.mark.slow
async def test_the_whole_journey_from_far_away(home: Honk) -> None:
    music = bare(home, home.repository(RELEASED))
    async with server(home) as served:
        far = served.far
        done = await far.change(music, "echo lala >> song.txt")
        assert done.code == 0, done.words
        task = done.settled["task"]
        assert [event["seq"] for event in done.events[:-1]] == list(range(1, len(done.events)))
        replied = await far("reply", task, "echo more >> song.txt", "--json")
        assert replied.code == 0 and replied.settled["state"] == "proposed", replied.words
        merged = await far("merge", task, "--json")
        assert merged.code == 0 and merged.settled["state"] == "deployed", merged.words
        assert home.git(music, "show", "main:song.txt").split() == ["la", "lala", "more"]
        undone = await far("undo", task, "--json")
        assert undone.events[-1]["event"] in {"task.settled", "error"}
        ended = await served.ends(signal.SIGTERM)
        assert ended.code == 0 and "Traceback" not in ended.err
    home.nothing_left()


@pytest.mark.slow
async def test_a_follower_far_away_outlives_the_server(home: Honk) -> None:
    """The server is ended in the middle of a turn and begun anew: whoever follows misses nothing."""
    music = home.repository(QUICK)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
    async with server(home, "--port", port) as first:
        far = first.far
        async with far.started("run", music, LONG, "--agent", "command", "--json") as follower:
            task = (await follower.until("agent.started"))["task"]
            ended = await first.ends(signal.SIGINT)
            assert ended.code == 130 and "goes on with the next" in ended.out
            async with server(home, "--port", port) as second:
                await second.running.says(f"goes on: {task}")
                with anyio.fail_after(40):
                    await follower.until(lambda _: [e["event"] for e in follower.events()].count("agent.started") == 2)
                    assert (await far("stop", task)).code == 0
                    done = await follower.done()
                assert done.settled["state"] == "stopped", done.words
                seen = [event["seq"] for event in done.events[:-1]]
                assert seen == list(range(1, len(seen) + 1))
                await second.ends(signal.SIGTERM)
    home.nothing_left()


async def test_the_end_comes_soon_and_a_second_signal_at_once(home: Honk) -> None:
    music = home.repository(QUICK)
    async with server(home) as served:
        async with served.far.started("run", music, LONG, "--agent", "command", "--json") as follower:
            await follower.until("agent.started")
            served.running.signal(signal.SIGINT)
            await served.running.says("ending")
            follower.signal(signal.SIGINT)
            assert "goes on with it" in (await follower.done()).err
        with anyio.fail_after(15):
            done = await served.running.done()
        assert done.code == 130
    home.nothing_left()


async def test_only_one_serves_a_home(home: Honk) -> None:
    async with server(home) as served:
        second = await home("serve")
        assert second.code == 2 and "works on" in second.err and "Traceback" not in second.err
        # a command beside it, on the same machine, has its work done there
        done = await home.change(home.repository(QUICK), "echo lala >> song.txt")
        assert done.code == 0
        await served.ends(signal.SIGTERM)


async def test_a_port_that_is_taken_is_said_before_any_work(home: Honk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = await home("serve", "--port", str(taken.getsockname()[1]))
    assert done.code == 1 and "cannot listen on 127.0.0.1" in done.err and "--port" in done.err


@pytest.mark.slow
async def test_errors_far_away_are_in_words(home: Honk) -> None:
    async with server(home) as served:
        far = served.far

        def on(**more: str) -> Honk:
            return Honk(root=far.root, environment={**far.environment, **more})

        refused = await on(HONK_TOKEN="honk_wrong")("tasks")
        assert refused.code == 1 and "does not accept the access token" in refused.err
        missing = await far.without("HONK_TOKEN")("tasks")
        assert missing.code == 2 and "HONK_TOKEN is not set" in missing.err
        path = await on(HONK_URL="http://honk.example.invalid")("run", ".", "x")
        assert path.code == 2 and "does not see the folder" in path.err
        for argv in (("gc",), ("serve",)):
            only_there = await far(*argv)
            assert only_there.code == 2 and "only on the machine of the server" in only_there.err, argv
        reader = await home("token", "create", "--name", "r", "--scope", "read")
        may_not = await on(HONK_TOKEN=reader.out.strip())("run", "https://git.example/a/b", "x")
        assert may_not.code == 1 and "not for 'ask'" in may_not.err
        await served.ends(signal.SIGTERM)
        gone = await far("tasks", "--json")
        assert gone.code == 1 and "does not answer" in json.loads(gone.out)["message"]


async def test_another_service_at_that_address_is_recognised(home: Honk) -> None:
    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as group:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        group.start_soon(listener.serve, answer)
        far = Honk(
            root=home.root,
            environment={**home.environment, "HONK_URL": f"http://127.0.0.1:{port}", "HONK_TOKEN": "honk_x"},
        )
        done = await far("tasks")
        group.cancel_scope.cancel()
    assert done.code == 2 and "is not Honk" in done.err
