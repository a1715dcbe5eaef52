"""Row of bench/github.py about git: what lending a credential costs, beside a header in git's own variables."""

import argparse
import base64
import os
import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from honk.adapters.git.repositories import GitRepositories
from honk.adapters.github.address import Addresses
from honk.adapters.github.api import Api
from honk.adapters.github.auth import AppAuth
from honk.adapters.github.credentials import GithubCredentials
from honk.domain.event import EventData
from honk.domain.text import Secret
from honk.ports import Credentials
from honk.testing.fake_github import FakeGitHub
from honk.testing.plain_sandbox import PlainSandboxes

NAME = "acme/large"
ASKED = 10
_FILE = 1 << 20


@dataclass
class Way:
    """One way of showing GitHub who asks. It is told by what git inherits, so both run the same commands."""

    label: str
    operator: Mapping[str, str]
    credentials: Credentials | None
    asking: list[float] = field(default_factory=list)
    fetching: list[float] = field(default_factory=list)
    #: requests over HTTP of ten ls-remotes, and of a fetch
    requests: tuple[int, int] = (0, 0)


async def quiet(_: EventData) -> None:
    """Nobody is told."""


async def sample(way: Way, hub: FakeGitHub, url: str, home: Path) -> None:
    repositories = GitRepositories(home, PlainSandboxes(), operator=way.operator, credentials=way.credentials)
    repository = repositories.identify(url)
    repositories.mirrors.environments.prepare()
    sent = [len(hub.world.git_requests)]
    began = time.perf_counter()
    for _ in range(ASKED):
        await repositories.mirrors.advertised(repository)
    way.asking.append(time.perf_counter() - began)
    sent.append(len(hub.world.git_requests))
    began = time.perf_counter()
    await repositories.refresh(repository, quiet)
    way.fetching.append(time.perf_counter() - began)
    sent.append(len(hub.world.git_requests))
    way.requests = (sent[1] - sent[0], sent[2] - sent[1])


async def git(root: Path, options: argparse.Namespace) -> None:
    files = {f"data/{number}.bin": os.urandom(_FILE) for number in range(options.megabytes)}
    operator = {"PATH": os.environ["PATH"], "HOME": str(root), "GIT_CONFIG_NOSYSTEM": "1"}
    async with FakeGitHub(root / "hub").serving() as hub:
        app = hub.world.app("honk")
        hub.world.repository(NAME, files)
        token = hub.world.installation_token(hub.world.install(app, "acme")).value
        shown = base64.b64encode(f"x-access-token:{token}".encode()).decode()
        header = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{hub.web}/.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: Basic {shown}",
        }
        auth = AppAuth(app_id=str(app.id), private_key=Secret(app.private_key))
        async with Api(api_url=hub.url, web_url=hub.web, auth=auth, clock=lambda: datetime.now(UTC)) as api:
            addresses = Addresses(hub.web)
            lends = Way("lent, from a file in memory", operator, GithubCredentials(api, addresses))
            variable = Way("the token in http.extraHeader", operator | header, None)
            await sample(Way("warm", operator, lends.credentials), hub, addresses.url(NAME), root / "warm")
            for number in range(options.runs):
                order = (lends, variable) if number % 2 else (variable, lends)
                for way in order:
                    await sample(way, hub, addresses.url(NAME), root / f"{way is lends}-{number}")
    print(
        f"\ngit over HTTP on loopback, {options.runs} samples each, one after the other; medians and ranges in seconds"
    )
    said(f"{ASKED} ls-remotes", lends.asking, variable.asking)
    said(f"a fetch of {options.megabytes} MB into a new mirror", lends.fetching, variable.fetching)
    for way in (lends, variable):
        print(f"  {way.label}: {way.requests[0]} and {way.requests[1]} requests over HTTP")


def said(what: str, ours: list[float], theirs: list[float]) -> None:
    one, other = statistics.median(ours), statistics.median(theirs)
    spread = [f"{min(times):.2f} to {max(times):.2f}" for times in (ours, theirs)]
    print(f"  {what:40}{one:7.2f} ({spread[0]})  beside {other:7.2f} ({spread[1]})   ratio {one / other:.2f}")
