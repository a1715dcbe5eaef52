"""Posts to an address that a stranger named, under the rules that keep sandboxes from what is inside."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from honk.adapters.broker.network import Address, AllowList, Denied, NetworkRules, Outside, parse_target

if TYPE_CHECKING:
    import ssl

    import httpx

#: seconds for all of it
_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Posted:
    """What was answered; the body is not read, as it may be without an end."""

    status: int
    headers: Mapping[str, str]


class Poster:
    """Follows no redirect, uses no proxy, and connects to the very address that was allowed."""

    def __init__(self, rules: NetworkRules, *, tls: "ssl.SSLContext | None" = None, seconds: float = _SECONDS) -> None:
        """`tls` takes the place of the authorities that this machine trusts."""
        self._rules = rules
        self._tls = tls
        self._seconds = seconds

    async def allow(self, url: str) -> None:
        """Raises PermissionError where nothing may go there, OSError or ValueError where it has no address."""
        await self._addresses(url)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Posted:
        """Raises PermissionError where nothing may go there, and OSError where it does not answer."""
        import httpx  # only who posts pays for it

        addresses = await self._addresses(url)
        try:
            with anyio.fail_after(self._seconds):
                async with httpx.AsyncClient(
                    trust_env=False, timeout=self._seconds, verify=self._tls or True
                ) as client:
                    return await _first(client, url, addresses, headers, body)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise OSError(f"{type(exc).__name__}: {exc}"[:300]) from exc

    async def _addresses(self, url: str) -> tuple[Address, ...]:
        parts = urlsplit(url)
        if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc:
            raise PermissionError("nothing is sent but by https")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        target = parse_target(f"{host}:{parts.port}" if parts.port else host, 443)
        outside = Outside(AllowList((str(target),)), self._rules, self._seconds)
        try:
            return await outside.addresses(target)
        except Denied as denied:
            raise PermissionError(f"nothing is sent to {denied.target}: {denied.reason}") from denied


async def _first(
    client: "httpx.AsyncClient", url: str, addresses: tuple[Address, ...], headers: Mapping[str, str], body: bytes
) -> Posted:
    """The answer of the first address that can be connected to."""
    import httpx

    problem = OSError("it has no address")
    for address in addresses:
        asked = client.build_request("POST", url, headers={"User-Agent": "honk", **headers}, content=body)
        asked.extensions = {**asked.extensions, "sni_hostname": asked.url.host}
        asked.url = asked.url.copy_with(host=str(address))
        try:
            answer = await client.send(asked, stream=True, follow_redirects=False)
        except httpx.ConnectError as exc:
            problem = OSError(str(exc))
            continue
        await answer.aclose()
        return Posted(status=answer.status_code, headers=dict(answer.headers))
    raise problem
