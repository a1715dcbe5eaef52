"""What operators' programs ask a server: is it alive, is it ready, and its numbers.

`/healthz` says that the process and its event loop are alive, and nothing more: a supervisor that restarts on its
failure must not restart for a full disk. `/readyz` says whether work would be taken and done now, and what is
missing. `/metrics` is for Prometheus.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

#: Nothing here is for a cache or for another site's page.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
#: written by whatever passes a request on: such a request did not begin on this machine
_FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via", "cf-connecting-ip", "tailscale-user-login")


@dataclass(frozen=True, kw_only=True, slots=True)
class Missing:
    """What keeps a server from being ready."""

    #: "store", "journal", "lock", "disk" or "closing"
    name: str
    detail: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ops:
    """What the routes are made of."""

    #: what is missing at this moment
    missing: Callable[[], Awaitable[Sequence[Missing]]]
    #: the numbers, and their media type
    metrics: Callable[[], Awaitable[tuple[bytes, str]]]
    #: whether a token may read
    may_read: Callable[[str], Awaitable[bool]]
    #: whether everybody who reaches the server is on this machine, so that no token is needed
    local: bool


def ops_routes(ops: Ops) -> list[Route]:
    """`/healthz`, `/readyz` and `/metrics`."""

    async def alive(_: Request) -> Response:
        return PlainTextResponse("ok\n", headers=_HEADERS)

    async def ready(_: Request) -> Response:
        missing = await ops.missing()
        content = {"ready": not missing, "missing": [asdict(one) for one in missing]}
        return JSONResponse(content, status_code=503 if missing else 200, headers=_HEADERS)

    async def metrics(request: Request) -> Response:
        if not await _may_scrape(ops, request):
            words = "a token with the scope read is needed here: Authorization: Bearer honk_…\n"
            return PlainTextResponse(words, status_code=401, headers={**_HEADERS, "WWW-Authenticate": "Bearer"})
        content, media_type = await ops.metrics()
        return Response(content, headers={**_HEADERS, "Content-Type": media_type})

    return [Route("/healthz", alive), Route("/readyz", ready), Route("/metrics", metrics)]


async def _may_scrape(ops: Ops, request: Request) -> bool:
    if ops.local and not any(name in request.headers for name in _FORWARDED):
        return True
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and await ops.may_read(token.strip())
