"""Looks at the health of a live version from the host."""

from typing import TYPE_CHECKING
from urllib.parse import urljoin

import anyio

from honk.adapters.broker.network import Denied, NetworkRules
from honk.adapters.broker.reaching import addresses_of, send_to

if TYPE_CHECKING:
    import httpx

#: seconds for all of it, redirects included
_SECONDS = 10.0
_REDIRECTS = 3


class Looker:
    """Implements honk.ports.Looker."""

    def __init__(self, rules: NetworkRules, *, seconds: float = _SECONDS) -> None:
        self._rules = rules
        self._seconds = seconds

    async def look(self, url: str) -> str:
        import httpx  # only who looks pays for it

        try:
            with anyio.fail_after(self._seconds):
                async with httpx.AsyncClient(trust_env=False, timeout=self._seconds) as client:
                    return await self._follow(client, url)
        except TimeoutError:
            return f"it did not answer within {self._seconds:g} s"
        except Denied as denied:
            return f"{denied.target} is not looked at: {denied.reason}"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as exc:
            return f"it cannot be reached: {type(exc).__name__}: {exc}"[:300]

    async def _follow(self, client: "httpx.AsyncClient", url: str) -> str:
        for _ in range(_REDIRECTS + 1):
            status, onward = await self._ask(client, url)
            if not onward:
                return "" if 200 <= status < 300 else f"it answered {status}"
            url = urljoin(url, onward)
        return f"it redirects more than {_REDIRECTS} times"

    async def _ask(self, client: "httpx.AsyncClient", url: str) -> tuple[int, str]:
        """The status, and where it sends on to."""
        addresses = await addresses_of(url, self._rules, self._seconds)
        answer = await send_to(addresses, client, "GET", url, headers={"User-Agent": "honk-health", "Accept": "*/*"})
        # what it says besides does not count, and may be without an end
        await answer.aclose()
        return answer.status_code, answer.headers.get("Location", "") if answer.is_redirect else ""
