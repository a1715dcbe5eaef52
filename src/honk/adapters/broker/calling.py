"""Calls from this host to an address that somebody named, under the rules that keep sandboxes from what is inside."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from honk.adapters.broker.looker import target_of
from honk.adapters.broker.network import AllowList, Denied, NetworkRules, Outside

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
    """Sends; what is connected to is the very address that was allowed."""

    def __init__(self, rules: NetworkRules, *, seconds: float = _SECONDS) -> None:
        self._rules = rules
        self._seconds = seconds

    async def send(self, method: str, url: str, headers: dict[str, str], body: bytes, *, limit: int) -> Answered:
        """Raises NotSent, InDoubt."""
        import httpx  # only who calls pays for it

        try:
            with anyio.fail_after(self._seconds):
                target = target_of(url)
                addresses = await Outside(AllowList((str(target),)), self._rules, self._seconds).addresses(target)
        except Denied as denied:
            raise NotSent(f"{denied.target} is not called: {denied.reason}") from denied
        except (OSError, ValueError, TimeoutError) as exc:
            raise NotSent(f"it cannot be reached: {type(exc).__name__}: {exc}"[:300]) from exc
        problem = NotSent(f"{url} has no address")
        async with httpx.AsyncClient(trust_env=False, timeout=self._seconds) as client:
            for address in addresses:
                asked = client.build_request(method, url, headers={"User-Agent": "honk-deploy"} | headers, content=body)
                asked.extensions = {**asked.extensions, "sni_hostname": asked.url.host}
                asked.url = asked.url.copy_with(host=str(address))
                try:
                    with anyio.fail_after(self._seconds):
                        return await _answer(client, asked, limit)
                except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                    problem = NotSent(f"it cannot be reached: {exc}"[:300])
                except (httpx.HTTPError, OSError, TimeoutError) as exc:
                    raise InDoubt(f"{type(exc).__name__}: {exc}"[:300]) from exc
        raise problem


async def _answer(client: "httpx.AsyncClient", asked: "httpx.Request", limit: int) -> Answered:
    answer = await client.send(asked, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > limit:
                return Answered(status=answer.status_code, body=b"")
        return Answered(status=answer.status_code, body=bytes(body))
    finally:
        await answer.aclose()
