"""A request carried through: limits waited out, safe requests repeated, moved repositories followed."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path

import structlog

from honk.adapters.github.pacing import Pacing, closed_until, creates
from honk.adapters.github.saving import save
from honk.adapters.github.trouble import GithubRefused, RateLimited
from honk.adapters.github.wire import Answer, Lost, Request, Wire, joined
from honk.domain.text import Secret
from honk.errors import Unreachable

_log = structlog.get_logger()

_TRIES = 4
_FIRST_PAUSE = 0.5
_REDIRECTS = 5
_MOVED = frozenset({301, 302, 307, 308})
#: A second merge or run is another one, or is refused because of the first.
_ONCE_ONLY = ("/merge", "/update-branch", "/rerun", "/dispatches")

#: Told the path that was asked for and the one where the answer is now.
Moved = Callable[[str, str], Awaitable[None]]


class Calls:
    """Every request to one GitHub goes through here."""

    def __init__(self, wire: Wire, pacing: Pacing, clock: Callable[[], datetime]) -> None:
        self.wire = wire
        self.clock = clock
        self._pacing = pacing

    async def call(self, request: Request, *, token: Secret | None, lane: str, moved: Moved | None = None) -> Answer:
        """The answer, also when it is a refusal. Raises Unreachable, RateLimited.

        What may have been carried out is not sent again, unless a second time changes nothing.
        """
        reads = request.method == "GET" or (request.path.endswith("/graphql") and not mutates(request))
        making = creates(request.method, request.path) and not reads
        async with self._pacing.turn(lane, writes=not reads, making=making):
            answer, at = await self._followed(request, token, lane, safe=reads or _repeatable(request))
        if moved is not None and at != request.path and answer.status < HTTPStatus.BAD_REQUEST:
            await moved(request.path, at)
        return answer

    async def saved(self, request: Request, into: Path, *, token: Secret, lane: str, limit: int) -> Answer:
        """Writes the body to the file. As `call`, it waits and asks again."""
        exchange = partial(save, self.wire, request, token, into, limit=limit)
        async with self._pacing.turn(lane, writes=False, making=False):
            return await self._answered(request, exchange, lane, safe=True)

    async def _followed(self, request: Request, token: Secret | None, lane: str, *, safe: bool) -> tuple[Answer, str]:
        """With the path where the answer was found."""
        for _ in range(_REDIRECTS + 1):
            exchange = partial(self.wire.exchange, request, token=token)
            answer = await self._answered(request, exchange, lane, safe=safe)
            to = answer.headers.get("location", "")
            if answer.status not in _MOVED or not to:
                return answer, request.path
            if answer.status == HTTPStatus.FOUND and request.method != "GET":
                break
            request = replace(request, path=self._within(request, to), params={})
        raise GithubRefused(
            answer.status, "", (), f"GitHub sends {request.act} from place to place", "look at the repository's address"
        )

    def _within(self, request: Request, location: str) -> str:
        """The place as a path below the API's address. A redirect that leaves it is refused."""
        base = self.wire.api_url
        url = joined(base + request.path, location) if request.path.startswith("/") else joined(request.path, location)
        if not self.wire.own(url):
            raise GithubRefused(
                301,
                "",
                (),
                f"GitHub's answer to {request.act} leads to another server",
                "Honk's access is never shown there: check the address of GitHub in honk.toml",
            )
        return url.removeprefix(base) if url.startswith(base + "/") else url

    async def _answered(
        self, request: Request, exchange: Callable[[], Awaitable[Answer]], lane: str, *, safe: bool
    ) -> Answer:
        resource, refusals, reason = _resource(request.path), 0, ""
        for number in range(_TRIES):
            until: datetime | None = None
            await self._pacing.open(lane, resource)
            try:
                answer = await exchange()
            except Lost as lost:
                reason = lost.reason
                if lost.sent and not safe:
                    break
                await self._backed_off(number)
                continue
            self._pacing.note(lane, resource, answer.headers)
            until = closed_until(answer.status, answer.headers, answer.json, self.clock(), refusals=refusals)
            if until is not None:
                refusals += 1
                self._pacing.close(lane, _closed_part(answer, resource), until)
                continue
            if answer.status == HTTPStatus.BAD_REQUEST and self._unversioned(answer):
                continue
            if answer.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return _gone_already(request, answer, number, reason)
            reason = f"it answered {answer.status}"
            if not safe:
                break
            await self._backed_off(number)
        if until is not None:
            raise RateLimited(until, f"GitHub's limits leave no room for {request.act}", "it is tried again by itself")
        raise Unreachable(
            f"GitHub ({self.wire.api_url}) did not carry out {request.act}: {reason}",
            "see https://www.githubstatus.com or ask the server's operator; it is tried again by itself",
        )

    async def _backed_off(self, number: int) -> None:
        if number < _TRIES - 1:
            await self._pacing.pause(_FIRST_PAUSE * 2**number * (0.5 + random.random()))

    def _unversioned(self, answer: Answer) -> bool:
        """An Enterprise Server that does not know the version of the API asks for none from now on."""
        said = answer.json.get("message", "") if isinstance(answer.json, dict) else ""
        if self.wire.versioned and "version" in str(said).lower() and "api" in str(said).lower():
            self.wire.versioned = False
            return True
        return False


def mutates(request: Request) -> bool:
    """Whether a GraphQL request is a mutation."""
    query = request.body.get("query", "") if isinstance(request.body, dict) else ""
    return str(query).lstrip().startswith("mutation")


def _repeatable(request: Request) -> bool:
    if request.path.endswith("/access_tokens"):
        return True
    if request.method not in {"PUT", "PATCH", "DELETE"}:
        return False
    return not request.path.partition("?")[0].endswith(_ONCE_ONLY)


def _resource(path: str) -> str:
    if path.endswith("/graphql"):
        return "graphql"
    return "search" if path.startswith("/search/") else "core"


def _closed_part(answer: Answer, resource: str) -> str:
    """A secondary limit counts for everything that the account asks."""
    if answer.headers.get("x-ratelimit-remaining") == "0" and "retry-after" not in answer.headers:
        return answer.headers.get("x-ratelimit-resource", resource)
    return "*"


def _gone_already(request: Request, answer: Answer, number: int, reason: str) -> Answer:
    """What is to be deleted, and is not there when the request is repeated, was deleted by the first one."""
    if request.method == "DELETE" and answer.status == HTTPStatus.NOT_FOUND and number and reason:
        return replace(answer, status=HTTPStatus.NO_CONTENT, json=None, content=b"")
    return answer
