"""POST /webhooks/deployments/<deployment>/<seal>: what a webhook's target calls back with, signed in both parts.

The address is Honk's own, sealed and good for one deployment; the words are signed with the secret of the very target
that was told. Delivered again, or late, they change nothing.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from honk.domain.deploy_webhook import CALLBACKS, SAID_LIMIT, TargetSays, callback_of, why_unsigned
from honk.domain.task import TaskId
from honk.domain.text import Secret
from honk.ports import Clock, WebhookCalls

Look = Callable[[TaskId], Awaitable[object]]


class TargetDoor:
    """Takes callbacks."""

    def __init__(
        self,
        calls: WebhookCalls,
        clock: Clock,
        *,
        seal: Callable[[str], str],
        secret: Callable[[str], Secret | None],
        look: Look,
    ) -> None:
        """`secret`: of a target by its host; `look`: has the task looked at, after the answer."""
        self._calls = calls
        self._clock = clock
        self._seal = seal
        self._secret = secret
        self._look = look

    def routes(self) -> Sequence[BaseRoute]:
        """What the server answers below its origin."""
        return (Route(f"{CALLBACKS}/{{deployment}}/{{seal}}", self._receive, methods=["POST"]),)

    async def _receive(self, request: Request) -> Response:
        deployment, seal = request.path_params["deployment"], request.path_params["seal"]
        whole = hmac.compare_digest(seal.encode("utf-8", "replace"), self._seal(callback_of(deployment)).encode())
        call = await self._calls.find(deployment) if whole else None
        secret = self._secret(call.host) if call is not None else None
        if call is None or secret is None:
            return PlainTextResponse("there is no such deployment\n", status_code=404)
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > SAID_LIMIT:
                return PlainTextResponse("too large\n", status_code=413)
        named = {name.lower(): value for name, value in request.headers.items()}
        if why := why_unsigned(named, bytes(body), secret, self._clock()):
            return PlainTextResponse(f"{why}\n", status_code=401)
        try:
            said = TargetSays.read(bytes(body))
        except ValueError:
            return PlainTextResponse("not what is agreed: a JSON object with a state\n", status_code=400)
        at = datetime.fromtimestamp(int(named["webhook-timestamp"]), UTC)
        changed = await self._calls.say(deployment, said, at)
        return PlainTextResponse("kept\n", background=BackgroundTask(self._look, call.task) if changed else None)
