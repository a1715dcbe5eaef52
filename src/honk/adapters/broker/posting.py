"""Posts to an address that a stranger named."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import anyio

from honk.adapters.broker.network import Address, Denied, NetworkRules
from honk.adapters.broker.reaching import addresses_of, send_to

if TYPE_CHECKING:
    import ssl

#: seconds for all of it
_SECONDS = 20.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Posted:
    """What was answered; the body is not read, as it may be without an end."""

    status: int
    headers: Mapping[str, str]


class Poster:
    """What it sends reaches nothing inside."""

    def __init__(self, rules: NetworkRules, *, tls: "ssl.SSLContext | None" = None, seconds: float = _SECONDS) -> None:
        """`tls` takes the place of the authorities that this machine trusts."""
        self._rules = rules
        self._tls = tls
        self._seconds = seconds

    async def allow(self, url: str) -> None:
        """Raises PermissionError where nothing may go there, and OSError where it has no address."""
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
                    named = {"User-Agent": "honk", **headers}
                    answer = await send_to(addresses, client, "POST", url, headers=named, body=body)
                    await answer.aclose()
                    return Posted(status=answer.status_code, headers=dict(answer.headers))
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise OSError(f"{type(exc).__name__}: {exc}"[:300]) from exc

    async def _addresses(self, url: str) -> tuple[Address, ...]:
        if urlsplit(url).scheme != "https":
            raise PermissionError("nothing is sent but by https")
        try:
            return await addresses_of(url, self._rules, self._seconds)
        except Denied as denied:
            raise PermissionError(f"nothing is sent to {denied.target}: {denied.reason}") from denied
        except ValueError as exc:
            raise PermissionError(str(exc)) from exc
