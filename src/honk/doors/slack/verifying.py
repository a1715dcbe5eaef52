"""Mode "http": whether Slack's requests to `public_url` reach this server, and no one else's are believed."""

import hashlib
import hmac
import json
import time
from uuid import uuid4

import aiohttp

from honk.service import Diagnosis

#: Where Slack's requests go, below `public_url`.
PATH = "/slack/events"
_NAME = "Slack: requests"
_TIMEOUT = aiohttp.ClientTimeout(total=10)


async def verify(session: aiohttp.ClientSession, public_url: str, secret: str) -> Diagnosis:
    """Sends Slack's own first request, signed, then one with a wrong signature."""
    url = f"{public_url}{PATH}"
    challenge = uuid4().hex
    body = json.dumps({"type": "url_verification", "challenge": challenge})
    try:
        status, words = await _post(session, url, body, secret)
        stranger, _ = await _post(session, url, body, f"not {secret}")
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        return _no(f"{url} cannot be reached ({type(exc).__name__})", "honk doctor says why: public address")
    if status in {401, 403}:
        return _no(f"{url} refuses a signed request", "SLACK_SIGNING_SECRET is of another app, or a clock is wrong")
    if status != 200 or challenge not in words:
        return _no(f"{url} answers with {status}", 'is honk serve running there, with mode = "http" below [slack]?')
    if stranger not in {401, 403}:
        return _no(f"{url} believes a wrong signature", "something else than Honk answers there")
    return Diagnosis(name=_NAME, ok=True, detail=f"{url} answers, and refuses a wrong signature")


async def _post(session: aiohttp.ClientSession, url: str, body: str, secret: str) -> tuple[int, str]:
    now = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"v0:{now}:{body}".encode(), hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Slack-Request-Timestamp": now,
        "X-Slack-Signature": f"v0={digest}",
    }
    async with session.post(url, data=body, headers=headers, timeout=_TIMEOUT, allow_redirects=False) as answer:
        return answer.status, (await answer.content.read(10_000)).decode(errors="replace")


def _no(detail: str, remedy: str) -> Diagnosis:
    return Diagnosis(name=_NAME, ok=False, detail=detail, remedy=remedy)
