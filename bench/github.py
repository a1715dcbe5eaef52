"""What Honk adds to GitHub, each row beside its alternative in the same run. `--rows` chooses, `--help` says which.

GitHub is honk.testing.fake_github on loopback, written from GitHub's public documentation. The rows are:
`ack`: webhooks to their acknowledgement by `honk serve` with its store on disk, beside two bare Starlette routes;
`requests`: what one task's life asks of the API, beside the same without the memory of ETags;
`campaign`: pull requests by the hundred at Honk's pace, beside GitHub's documented limits and beside no pace;
`git`: `ls-remote` and a fetch with lent credentials, beside the same with the token in a variable of git.
Times in ms or s, from this process's clock; minutes of `campaign` are of a clock that only waiting moves.
`ack` needs `npm ci` in tests/partners, where GitHub's own example payloads come from. All rows take about five minutes.
"""

import argparse
import asyncio
import hashlib
import hmac
import json
import logging
import os
import sqlite3
import tempfile
import time
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import github_forge
import github_git
import httpx
import structlog
from server import serving
from slack import percentile, process, told, within

from honk.doors.github.hints import hints_of
from honk.testing.fake_github import FakeGitHub
from honk.testing.scripted_model import ScriptedModel

EXAMPLES = (
    Path(__file__).parents[1] / "tests/partners/node_modules/@octokit/webhooks-examples/api.github.com/index.json"
)
#: which most of the examples are about
NAME = "Codertocat/Hello-World"
SECRET = "it is a secret to everybody"
#: seconds for which it is waited for a process to open, and for what the deliveries lead to
PATIENCE = 60.0


# ── who is delivered to ──────────────────────────────────────────────────────────────────────────
def hub(pipe: Any, root: Path) -> None:
    """GitHub in a process of its own, so that what Honk reads there does not slow whoever measures."""

    async def main() -> None:
        async with FakeGitHub(root).serving() as opened:
            app = opened.world.app(webhook_secret=SECRET)
            opened.world.repository(NAME)
            opened.world.install(app, NAME.partition("/")[0])
            pipe.send((opened.url, opened.web, str(app.id), app.private_key))
            while await asyncio.to_thread(pipe.recv):
                pipe.send(len(opened.world.requests))

    asyncio.run(main())


def bare(pipe: Any) -> None:
    """The named alternative: a route that checks the signature, and one that does not even that. Neither keeps it."""
    import uvicorn
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route

    async def checked(request: Request) -> Response:
        wanted = signature(await request.body())
        if not hmac.compare_digest(wanted, request.headers.get("x-hub-signature-256", "")):
            return PlainTextResponse("wrong", status_code=401)
        return PlainTextResponse("taken", status_code=202)

    async def unchecked(request: Request) -> Response:
        await request.body()
        return PlainTextResponse("taken", status_code=202)

    routes = [Route("/checked", checked, methods=["POST"]), Route("/unchecked", unchecked, methods=["POST"])]
    app = Starlette(routes=routes)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False, lifespan="off")

    async def main() -> None:
        server = uvicorn.Server(config)
        serving = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        pipe.send(f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}")
        await serving

    asyncio.run(main())


def signature(body: bytes) -> str:
    return "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


# ── webhook → acknowledgement ────────────────────────────────────────────────────────────────────
@dataclass(frozen=True)
class Payload:
    event: str
    body: bytes
    #: whether Honk has to keep something of it before it acknowledges
    kept: bool


def payloads() -> list[Payload]:
    """GitHub's own examples, those of one event not one after the other."""
    if not EXAMPLES.exists():
        raise SystemExit("the example payloads are not there: run `npm ci` in tests/partners, or choose other --rows")
    found = [(one["name"], example) for one in json.loads(EXAMPLES.read_text()) for example in one["examples"]]
    made = [Payload(name, json.dumps(given).encode(), bool(hints_of(name, given))) for name, given in found]
    return sorted(made, key=lambda one: hashlib.sha256(one.event.encode() + one.body).digest())


@dataclass
class Answers:
    """Seconds to each acknowledgement, and what was answered otherwise."""

    label: str
    times: list[tuple[Payload, float]] = field(default_factory=list)
    others: list[int] = field(default_factory=list)

    def of(self, *, kept: bool = False) -> list[float]:
        return sorted(seconds for payload, seconds in self.times if payload.kept or not kept)


async def deliver(client: httpx.AsyncClient, url: str, given: list[Payload], rate: float, into: Answers) -> None:
    """Each at its time, whether or not the one before is acknowledged; the time counts from when it was due."""
    began = time.perf_counter()

    async def one(payload: Payload, due: float) -> None:
        headers = {
            "X-GitHub-Event": payload.event,
            "X-GitHub-Delivery": str(uuid.uuid4()),
            "X-Hub-Signature-256": signature(payload.body),
            "Content-Type": "application/json",
        }
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        try:
            answer = await client.post(url, content=payload.body, headers=headers)
        except httpx.TransportError:
            into.others.append(0)
            return
        into.times.append((payload, time.perf_counter() - due))
        if answer.status_code != 202:
            into.others.append(answer.status_code)

    async with asyncio.TaskGroup() as group:
        for number, payload in enumerate(given):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - 0.1 - time.perf_counter()))
            group.create_task(one(payload, due))


async def worked_off(home: Path) -> bool:
    """Until nothing that was kept is left to do."""
    while True:
        with closing(sqlite3.connect(f"file:{home / 'honk.db'}?mode=ro", uri=True)) as store:
            if not store.execute("select count(*) from deliveries where open").fetchone()[0]:
                return True
        await asyncio.sleep(0.2)


async def ack(root: Path, options: argparse.Namespace) -> None:
    given = payloads()[: options.payloads]
    unchecked, checked, ours = Answers("bare route"), Answers("bare route, signature checked"), Answers("Honk")
    spent: list[float] = []
    left = float("nan")
    async with process(hub, root / "hub") as github, process(bare) as other, ScriptedModel([], strict=False) as model:
        api, web, id, key = await told(github, "GitHub to open", PATIENCE)
        aside = await told(other, "the bare routes to open", PATIENCE)
        more = f'[github]\nweb_url = "{web}"\napi_url = "{api}"\npoll_seconds = 0\n'
        environ = {"GITHUB_APP_ID": id, "GITHUB_APP_PRIVATE_KEY": key, "GITHUB_WEBHOOK_SECRET": SECRET}
        # Servers close a connection after 5 s without a request: who sends at that moment would be refused.
        limits = httpx.Limits(max_keepalive_connections=50, keepalive_expiry=2)
        async with (
            serving(root, "home", model, more=more, environ=environ) as honk,
            httpx.AsyncClient(timeout=30, limits=limits) as client,
        ):
            hook = str(honk._client.base_url.join("/github/events"))
            for url in (f"{aside}/unchecked", f"{aside}/checked", hook):  # the first call of each is nobody's measure
                await deliver(client, url, given[:20], options.rate, Answers("warm"))
            for _ in range(options.rounds):
                await deliver(client, f"{aside}/unchecked", given, options.rate, unchecked)
                await deliver(client, f"{aside}/checked", given, options.rate, checked)
                used = honk.cpu()
                await deliver(client, hook, given, options.rate, ours)
                ended = time.perf_counter()
                if not await within(worked_off(honk.home), "the deliveries to be worked off", PATIENCE):
                    break
                left = time.perf_counter() - ended
                spent.append(honk.cpu() - used)
        github.send("count")
        asked = await told(github, "the number of requests")
    beside = percentile(checked.of(), 0.5)
    kept = sum(one.kept for one in given)
    print(f"\nwebhook → acknowledgement, {len(given)} payloads at {options.rate:.0f} a second, {options.rounds} times")
    print(f"  {'':44}{'came':>6}{'p50':>8}{'p99':>8}{'last':>8}   p50 beside the checked route")
    for label, times in (
        (unchecked.label, unchecked.of()),
        (checked.label, checked.of()),
        (ours.label, ours.of()),
        (f"{ours.label}, those it keeps ({kept} of {len(given)})", ours.of(kept=True)),
    ):
        shown = (percentile(times, 0.5), percentile(times, 0.99), times[-1])
        words = "".join(f"{one * 1000:8.1f}" for one in shown)
        print(f"  {label:44}{len(times):6}{words}   {shown[0] / beside:.1f}")
    for one in (unchecked, checked, ours):
        if one.others:
            print(f"  {one.label}: {len(one.others)} answers other than 202 (0 is none): {sorted(set(one.others))}")
    print(f"  Honk's server used {sum(spent) / max(1, len(ours.times)) * 1000:.1f} ms of a processor a webhook")
    print(f"  all that was kept was worked off {left:.1f} s after the last; {asked} requests to the API in all")


ROWS = {
    "ack": ack,
    "requests": github_forge.requests,
    "campaign": github_forge.campaign,
    "git": github_git.git,
}


async def main(options: argparse.Namespace) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    for chosen in options.rows.split(","):
        if chosen not in ROWS:
            raise SystemExit(f"there is no row {chosen!r}: choose of {', '.join(ROWS)}")
        with tempfile.TemporaryDirectory(prefix="bench-") as name:
            Path(name).chmod(0o755)
            await ROWS[chosen](Path(name), options)
        print(f"  load of the last minute: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS), help="which, with commas between")
    parser.add_argument("--payloads", type=int, default=1000, help="examples of `ack`, at most all there are")
    parser.add_argument("--rate", type=float, default=50.0, help="webhooks a second of `ack`")
    parser.add_argument("--rounds", type=int, default=2, help="how often `ack` delivers all of them to each")
    parser.add_argument("--pulls", type=int, default=200, help="pull requests of `campaign`")
    parser.add_argument("--runs", type=int, default=5, help="samples of each way of `git`")
    parser.add_argument("--megabytes", type=int, default=20, help="size of the repository of `git`")
    asyncio.run(main(parser.parse_args()))
