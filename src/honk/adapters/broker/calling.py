"""Calls from this host to an address that somebody named."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from honk.adapters.broker.network import Denied, NetworkRules
from honk.adapters.broker.reaching import addresses_of, send_to

if TYPE_CHECKING:
    import httpx

#: seconds for all of a call
_SECONDS = 15.0


class NotSent(Exception):
    """Nothing has come to the other side."""


class InDoubt(Exception):
    """It may have come to the other side, which has not answered."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What the other side answered; a redirect is an answer, and not followed."""

    status: int
    body: bytes


class Calls:
    """Sends, and tells whether what it sent may have come to the other side."""

    def __init__(self, rules: NetworkRules, *, seconds: float = _SECONDS) -> None:
        self._rules = rules
        self._seconds = seconds

    async def send(self, method: str, url: str, headers: dict[str, str], body: bytes, *, limit: int) -> Answered:
        """Raises NotSent, InDoubt."""
        import httpx  # only who calls pays for it

        try:
            addresses = await addresses_of(url, self._rules, self._seconds)
        except Denied as denied:
            raise NotSent(f"{denied.target} is not called: {denied.reason}") from denied
        except (OSError, ValueError, TimeoutError) as exc:
            raise NotSent(f"it cannot be reached: {type(exc).__name__}: {exc}"[:300]) from exc
        named = {"User-Agent": "honk-deploy", **headers}
        times = httpx.Timeout(self._seconds, connect=self._seconds / 3)
        try:
            with anyio.fail_after(self._seconds):
                async with httpx.AsyncClient(trust_env=False, timeout=times) as client:
                    answer = await send_to(addresses, client, method, url, headers=named, body=body)
                    return await _read(answer, limit)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            raise NotSent(f"it cannot be reached: {exc}"[:300]) from exc
        except (httpx.HTTPError, OSError, TimeoutError) as exc:
            raise InDoubt(f"{type(exc).__name__}: {exc}"[:300]) from exc


async def _read(answer: "httpx.Response", limit: int) -> Answered:
    try:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > limit:
                return Answered(status=answer.status_code, body=b"")
        return Answered(status=answer.status_code, body=bytes(body))
    finally:
        await answer.aclose()
