"""Looks at the health of a live version from the host, under the rules that keep sandboxes from what is inside."""

from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

import anyio

from honk.adapters.broker.network import AllowList, Denied, NetworkRules, Outside, Target, parse_target

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
        """The status, and where it sends on to. What is connected to is the very address that was allowed."""
        import httpx

        target, problem = target_of(url), OSError(f"{url} has no address")
        for address in await Outside(AllowList((str(target),)), self._rules, self._seconds).addresses(target):
            asked = client.build_request("GET", url, headers={"User-Agent": "honk-health", "Accept": "*/*"})
            asked.extensions = {**asked.extensions, "sni_hostname": asked.url.host}
            asked.url = asked.url.copy_with(host=str(address))
            try:
                answer = await client.send(asked, stream=True, follow_redirects=False)
            except httpx.ConnectError as exc:
                problem = OSError(str(exc))
                continue
            # what it says besides does not count, and may be without an end
            await answer.aclose()
            return answer.status_code, answer.headers.get("Location", "") if answer.is_redirect else ""
        raise problem


def target_of(url: str) -> Target:
    """Host and port of an address. Raises ValueError for what is none that is looked at."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError(f"{url[:100]!r} is no address that is looked at")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parse_target(f"{host}:{parts.port}" if parts.port else host, 443 if parts.scheme == "https" else 80)
