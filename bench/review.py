"""The page of a pull request and its parts, beside the same change as a plain diff by Pygments' own HtmlFormatter.

    .venv/bin/python bench/review.py            # changes of 500, 5,000 and 20,000 lines
    .venv/bin/python bench/review.py --runs 9

Real: git, the mirror, the page as a browser gets it. Both are taken in turns, in one run; medians are compared. The
alternative is one call that colours the whole unified diff as a diff; git's own time is in neither alone but in both.
"""

import argparse
import asyncio
import gzip
import re
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from html import unescape
from pathlib import Path

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import DiffLexer

from honk.domain.event import BaseChosen
from honk.domain.message import Message, MessageId
from honk.domain.person import Identity, IdentityKind
from honk.domain.pull_request import PullRequest, PullRequestState
from honk.domain.repository import Repository, Sha
from honk.domain.task import Options, State, Task, TaskId
from honk.domain.turn import Turn
from honk.doors.web import changed_files
from honk.settings import Settings
from honk.testing.git_world import GitWorld
from honk.testing.plain_sandbox import PlainSandboxes
from honk.wiring import OpenHonk, open_honk

LINES_OF_A_FILE = 250


@dataclass(frozen=True)
class Measured:
    seconds: float
    bytes: int
    gzipped: int


def code(lines: int, word: str) -> str:
    """Python that looks like somebody's."""
    body = (
        f'    {word}_{n} = price.get("item {n}", {n}) * (count - {n % 7})  # {word} of item {n}' if n % 5 else ""
        for n in range(lines)
    )
    return f'"""How much is it."""\n\n\ndef {word}s(price, count):\n' + "\n".join(body) + "\n"


async def proposed(house: OpenHonk, world: GitWorld, lines: int) -> tuple[Task, Sha, Sha]:
    """A task whose pull request changes so many lines, half of them gone and half of them new."""
    files = {f"shop/part_{n:03}.py": LINES_OF_A_FILE // 2 for n in range(max(lines // LINES_OF_A_FILE, 1))}
    folder = world.make(f"shop-{lines}", {name: code(count, "total") for name, count in files.items()})
    old = world.tip(folder)
    new = world.commit(folder, {name: code(count, "amount") for name, count in files.items()})
    ports = house.app.ports
    repository = ports.repositories.identify(str(folder))
    await ports.repositories.refresh(repository, _nothing)
    person = await ports.tasks.person(Identity(kind=IdentityKind.LOCAL, value="ada"), "Ada")
    task = await stored(house, repository, TaskId(f"change-{lines}"), person.id)  # type: ignore[arg-type]
    await ports.events.record(task.id, 1, BaseChosen(branch="main", commit=old))
    await ports.records.save_pull_request(
        repository.key,
        PullRequest(
            task=task.id, number=0, branch="b", base="main", head=new, title="t", body="", state=PullRequestState.OPEN
        ),
    )
    return task, old, new


async def stored(house: OpenHonk, repository: Repository, id: TaskId, by: str) -> Task:
    message = Message(id=MessageId(id), by=by, text="change it", at=datetime.now(UTC))  # type: ignore[arg-type]
    task = Task(
        id=id,
        repository=repository,
        instruction=message.text,
        requested_by=message.by,
        state=State.ACCEPTED,
        options=Options(agent="command"),
        created_at=message.at,
        turn=1,
    )
    return await house.app.ports.tasks.add(task, Turn(task=id, number=1, message=message))


async def _nothing(_: object) -> None:
    """Nobody follows the fetch."""


async def measured(runs: int, *acts: Callable[[], Awaitable[str]]) -> list[Measured]:
    """Each of them so often, in turns."""
    taken: list[list[float]] = [[] for _ in acts]
    texts = [""] * len(acts)
    for run in range(runs + 1):
        for number, act in enumerate(acts):
            start = time.perf_counter()
            texts[number] = await act()
            if run:  # the first one loads lexers and templates
                taken[number].append(time.perf_counter() - start)
    return [
        Measured(statistics.median(seconds), len(text.encode()), len(gzip.compress(text.encode())))
        for seconds, text in zip(taken, texts, strict=True)
    ]


async def compare(
    house: OpenHonk, world: GitWorld, get: Callable[[str], Awaitable[str]], lines: int, runs: int
) -> None:
    task, old, new = await proposed(house, world, lines)
    repositories = house.app.ports.repositories

    async def plain() -> str:
        text = await repositories.diff(task.repository, old, new)
        return str(highlight(text, DiffLexer(), HtmlFormatter(full=True)))

    page = await get(f"/tasks/{task.id}/pull-request")
    parts = [unescape(one) for one in re.findall(r'data-src="([^"]+)"', page)]

    async def first() -> str:
        changed_files.forget()
        return await again()

    async def again() -> str:
        return await get(f"/tasks/{task.id}/pull-request")

    async def one_part() -> str:
        return await get(parts[-1] + "&part=1") if parts else ""

    found = await measured(runs, plain, first, again, one_part)
    beside = found[0]
    for name, one in zip(("plain diff", "the page", "looked at again", "a file opened"), found, strict=True):
        if not one.bytes:
            continue
        ratio = f"time {one.seconds / beside.seconds:5.2f}, size {one.bytes / beside.bytes:5.2f} of it"
        print(
            f"{lines:6} lines  {name:15} {one.seconds * 1000:7.0f} ms  {one.bytes / 1000:7.0f} kB "
            f"({one.gzipped / 1000:5.0f} kB gzipped)  {ratio if one is not beside else ''}"
        )


async def main(runs: int) -> None:
    import httpx

    from honk.domain.access import Scope
    from honk.wiring.serving import listening

    with tempfile.TemporaryDirectory() as place:
        world = GitWorld(Path(place), PlainSandboxes())
        settings = Settings.load({"HONK_HOME": f"{place}/home", "PATH": "/usr/bin:/bin", "HOME": f"{place}/person"})
        async with open_honk(settings) as house:
            issued = await house.app.ports.tokens.issue(house.person.id, "bench", frozenset({Scope.READ}))
            with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
                async with house.serve_on(listener), httpx.AsyncClient(base_url=origin, timeout=60) as browser:
                    form = await browser.get("/sign-in")
                    nonce = re.search(r'name="nonce" value="(\w+)"', form.text)
                    assert nonce is not None
                    fields = {"nonce": nonce[1], "to": "/", "token": issued.secret.reveal()}
                    await browser.post("/sign-in", data=fields)

                    async def get(path: str) -> str:
                        answer = await browser.get(path)
                        answer.raise_for_status()
                        return answer.text

                    for lines in (500, 5_000, 20_000):
                        await compare(house, world, get, lines, runs)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=5)
    asyncio.run(main(parser.parse_args().runs))
