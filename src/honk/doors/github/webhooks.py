"""Where GitHub delivers: signed over the bytes, kept, acknowledged; nothing of it is done before.

https://docs.github.com/en/webhooks/using-webhooks/best-practices-for-using-webhooks
"""

import json
import re

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from honk.domain.text import Secret
from honk.doors.github.backstage import DOOR
from honk.doors.github.hints import hints_of
from honk.doors.github.inside import Keep
from honk.doors.github.signing import signed
from honk.service.intake import NotKept

_log = structlog.get_logger()

#: GitHub's own limit of a payload
_BODY = 25 << 20
_GUID = re.compile(r"[\w-]{1,80}", re.ASCII)
_EVENT = re.compile(r"[a-z0-9_]{1,80}")


class Webhooks:
    """Takes requests while the door is open."""

    def __init__(self, secret: Secret, keep: Keep) -> None:
        self._secret = secret
        self._keep = keep

    async def take(self, request: Request) -> Response:
        """202 for what is kept, also the second time; 4xx for what is not GitHub's, 503 for what is to come again."""
        body = await _read(request)
        if body is None:
            return PlainTextResponse("too large", status_code=413)
        if not signed(self._secret, body, request.headers.get("x-hub-signature-256", "")):
            return PlainTextResponse("the signature is missing or wrong", status_code=401)
        guid, event = request.headers.get("x-github-delivery", ""), request.headers.get("x-github-event", "")
        if not _GUID.fullmatch(guid) or not _EVENT.fullmatch(event):
            return PlainTextResponse("there is no such delivery", status_code=400)
        try:
            payload: object = json.loads(body)
        except (ValueError, RecursionError):
            return PlainTextResponse("the payload is no JSON: choose application/json", status_code=400)
        try:
            for place, hint in enumerate(hints_of(event, payload)):
                await self._keep(hint, f"{DOOR}/{guid}/{place}")
        except NotKept:
            _log.warning("a delivery of GitHub could not be kept in time", guid=guid)
            return PlainTextResponse("not kept: deliver it again", status_code=503)
        return PlainTextResponse("kept", status_code=202)


async def _read(request: Request) -> bytes | None:
    """The body; None for one that is larger than any of GitHub's."""
    size, chunks = 0, []
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > _BODY:
                return None
            chunks.append(chunk)
    except ClientDisconnect:
        return b""
    return b"".join(chunks)
