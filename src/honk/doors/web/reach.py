"""The answer that proves to `honk doctor` which server it has reached."""

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match, Route
from starlette.types import Scope

#: The answer to a nonce that lies in HONK_HOME; "" to anything else.
Answer = Callable[[str], str]


class _WithNonce(Route):
    """`/healthz?nonce=…`; without a nonce the address belongs to others."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        asked = b"nonce=" in scope.get("query_string", b"")
        return super().matches(scope) if asked else (Match.NONE, {})


def nonce_route(answer: Answer) -> Route:
    """Answers nonces at `/healthz`. It tells nothing to those who cannot write to HONK_HOME."""

    async def healthz(request: Request) -> Response:
        said = answer(request.query_params.get("nonce", ""))
        return JSONResponse({"status": "ok", "honk": said}, headers={"Cache-Control": "no-store"})

    return _WithNonce("/healthz", healthz)
