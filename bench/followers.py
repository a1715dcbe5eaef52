"""500 followers of 50 live tasks: how late an event is, beside a plain server that pushes the same from memory.

The server is `honk serve`'s own: store, feed, API and one socket. Tasks are made live by recording events on
them as an agent's work would: in the server's process, and (`--other`) in another process of the same
HONK_HOME. In the last row the followers are open pages (`/tasks/<id>/live`), which get HTML. The alternative
is a Starlette application with a queue a follower and no store. A delay is the time from the event's own
clock to the follower's socket.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import re
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

#: about the size of what an agent says between two tools
TEXT = "The playlist is empty there, so the index is out of range. I look at the other callers first. " * 3


async def record(home: Path, tasks: int, rate: float, seconds: float, store: Any) -> None:
    """What agents do: each task gets `rate` events a second, at times of its own."""
    from honk.domain.event import AgentWrote

    async def one(number: int) -> None:
        begin = time.monotonic() + number / tasks / rate
        for turn in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begin + turn / rate - time.monotonic()))
            await store.events.record(name(number), 1, AgentWrote(text=TEXT))

    await asyncio.gather(*(one(number) for number in range(tasks)))


def name(number: int) -> Any:
    return f"bench-{number:02d}-live"


async def fill(store: Any, tasks: int) -> str:
    """Live tasks, and a token that may read them."""
    from honk.domain.access import Scope
    from honk.domain.message import Message, MessageId
    from honk.domain.person import Identity, IdentityKind
    from honk.domain.repository import Repository
    from honk.domain.task import State, Task
    from honk.domain.turn import Turn

    now = datetime.now(UTC)
    person = await store.tasks.person(Identity(kind=IdentityKind.LOCAL, value="bench"), "bench")
    for number in range(tasks):
        task = Task(
            id=name(number),
            repository=Repository(url="/nowhere", name="nowhere", key="nowhere"),
            instruction="bench",
            requested_by=person.id,
            state=State.CODING,
            created_at=now,
        )
        message = Message(id=MessageId(name(number)), by=person.id, text="bench", at=now)
        await store.tasks.add(task, Turn(task=task.id, number=1, message=message))
    issued = await store.tokens.issue(person.id, "bench", frozenset({Scope.READ}))
    return str(issued.secret.reveal())


def serve_honk(pipe: Any, home: Path, options: argparse.Namespace) -> None:
    async def main() -> None:
        from honk.adapters.sql import SqlStore
        from honk.settings import Settings
        from honk.wiring import open_honk

        settings = Settings.load({"HONK_HOME": str(home), "PATH": os.environ["PATH"], "HOME": str(home)})
        async with open_honk(settings) as house, house.serving("127.0.0.1", 0) as origin:
            async with SqlStore(settings.database) as store:
                token = await fill(store, options.tasks)
            pipe.send((origin, token))
            await asyncio.to_thread(pipe.recv)
            if not options.other:
                ports = house.app.ports
                await record(home, options.tasks, options.rate, options.seconds, ports)
                pipe.send("recorded")
            await asyncio.to_thread(pipe.recv)

    asyncio.run(main())


def record_elsewhere(home: Path, options: argparse.Namespace) -> None:
    async def main() -> None:
        from honk.adapters.sql import SqlStore

        async with SqlStore(f"sqlite:///{home / 'honk.db'}") as store:
            await record(home, options.tasks, options.rate, options.seconds, store)

    asyncio.run(main())


def serve_plain(pipe: Any, home: Path, options: argparse.Namespace) -> None:
    import socket

    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import StreamingResponse
    from starlette.routing import Route

    queues: dict[str, list[asyncio.Queue[bytes]]] = {}

    async def events(request: Request) -> StreamingResponse:
        queue: asyncio.Queue[bytes] = asyncio.Queue()
        queues.setdefault(request.path_params["task"], []).append(queue)

        async def body() -> AsyncIterator[bytes]:
            yield b"retry: 1000\n\n"
            while True:
                yield await queue.get()

        return StreamingResponse(body(), media_type="text/event-stream")

    class Events:
        async def record(self, task: str, turn: int, data: Any) -> None:
            facts = {"task": task, "turn": turn, "at": datetime.now(UTC).isoformat(), "data": {"text": data.text}}
            frame = f"id: 1\ndata: {json.dumps(facts)}\n\n".encode()
            for queue in queues.get(task, ()):
                queue.put_nowait(frame)

    class Store:
        events = Events()

    async def main() -> None:
        app = Starlette(routes=[Route("/api/v1/tasks/{task}/events", events)])
        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        assert not running.done()
        pipe.send((f"http://127.0.0.1:{listener.getsockname()[1]}", "none"))
        await asyncio.to_thread(pipe.recv)
        await record(home, options.tasks, options.rate, options.seconds, Store())
        pipe.send("recorded")
        await asyncio.to_thread(pipe.recv)
        os._exit(0)  # its followers would be waited for

    asyncio.run(main())


async def visit(origin: str, token: str) -> str:
    """The cookies of a browser that has signed in."""
    import httpx

    async with httpx.AsyncClient(base_url=origin) as browser:
        form = (await browser.get("/sign-in")).text
        nonce = re.findall(r'name="nonce" value="(\w+)"', form)[0]
        await browser.post("/sign-in", data={"nonce": nonce, "token": token})
        return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


async def look(origin: str, cookies: str, task: str, seen: list[float], ready: asyncio.Semaphore) -> None:
    """One open page, as `follow`: each line that comes says when it happened."""
    host, port = origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (f"GET /tasks/{task}/live?after=0 HTTP/1.1", f"Host: {host}:{port}", f"Cookie: {cookies}")
    writer.write("\r\n".join((*lines, "", "")).encode())
    first = await reader.readline()
    assert b"200" in first, first
    ready.release()
    while line := await reader.readline():
        if b'class="wrote"' in line:
            at = line.split(b'datetime="', 1)[1].split(b'"', 1)[0].decode()
            seen.append(time.time() - datetime.fromisoformat(at).timestamp())


async def follow(origin: str, token: str, task: str, seen: list[float], ready: asyncio.Semaphore) -> None:
    """One follower on a socket of its own, with as little work as possible beside it."""
    host, port = origin.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    lines = (f"GET /api/v1/tasks/{task}/events HTTP/1.1", f"Host: {host}", "Accept: text/event-stream")
    writer.write("\r\n".join((*lines, f"Authorization: Bearer {token}", "", "")).encode())
    first = await reader.readline()
    assert b"200" in first, first
    ready.release()
    while line := await reader.readline():
        if line.startswith(b"data: "):
            now = time.time()
            at = json.loads(line[len(b"data: ") :])["at"]
            seen.append(now - datetime.fromisoformat(at).timestamp())


async def measure(pipe: Any, options: argparse.Namespace, recorder: Callable[[], Any] | None) -> list[float]:
    origin, token = await asyncio.to_thread(pipe.recv)
    seen: list[float] = []
    ready = asyncio.Semaphore(0)
    one = look if options.pages else follow
    known = await visit(origin, token) if options.pages else token
    followers = [
        asyncio.create_task(one(origin, known, name(number % options.tasks), seen, ready))
        for number in range(options.followers)
    ]
    for _ in followers:
        await ready.acquire()
    await asyncio.sleep(1)
    pipe.send("go")
    if recorder is None:
        await asyncio.to_thread(pipe.recv)
    else:
        process = recorder()
        await asyncio.to_thread(process.join)
    wanted = int(options.rate * options.seconds) * options.followers
    for _ in range(50):
        if len(seen) >= wanted:
            break
        await asyncio.sleep(0.1)
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)
    if len(seen) != wanted:
        print(f"  {wanted - len(seen)} of {wanted} events did not arrive")
    pipe.send("end")
    return sorted(seen)


def run(serve: Callable[..., None], options: argparse.Namespace) -> list[float]:
    spawn = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="hk") as folder:
        ours, theirs = spawn.Pipe()
        server = spawn.Process(target=serve, args=(theirs, Path(folder), options))
        server.start()
        recorder: Callable[[], Any] | None = None
        if options.other:

            def recorder() -> Any:
                process = spawn.Process(target=record_elsewhere, args=(Path(folder), options))
                process.start()
                return process

        try:
            return asyncio.run(measure(ours, options, recorder))
        finally:
            server.join(10)
            server.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--followers", type=int, default=500)
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--rate", type=float, default=2.0, help="events of a task in a second")
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    rows = []
    for label, serve, other, pages in (
        ("plain server, from memory", serve_plain, False, False),
        ("Honk, recorded by the server", serve_honk, False, False),
        ("Honk, recorded by another process", serve_honk, True, False),
        ("Honk's pages, recorded by the server", serve_honk, False, True),
    ):
        options.other, options.pages = other, pages
        delays = run(serve, options)
        rows.append((label, len(delays), statistics.median(delays), delays[int(len(delays) * 0.99)], delays[-1]))
    print(f"{options.followers} followers of {options.tasks} tasks, {options.rate:g} events a second and task")
    print(f"load of the machine: {', '.join(f'{one:.1f}' for one in os.getloadavg())}")
    print(f"{'':38}{'events':>8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'p99 ratio':>11}")
    for label, count, middle, late, last in rows:
        ratio = late / rows[0][3]
        print(f"{label:38}{count:8}{middle * 1000:9.1f}{late * 1000:9.1f}{last * 1000:9.1f}{ratio:11.1f}")


if __name__ == "__main__":
    main()
