"""Requests from this host to addresses that others name, under the rules that keep sandboxes from what is inside.

What is connected to is the very address that was allowed: a name that means another one a moment later (DNS
rebinding) leads nowhere else. No proxy is used and no redirect followed.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from honk.adapters.broker.network import Address, AllowList, NetworkRules, Outside, Target, parse_target

if TYPE_CHECKING:
    import httpx


def target_of(url: str) -> Target:
    """Host and port of an address. Raises ValueError for what is none of the web."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc or parts.port == 0:
        raise ValueError(f"{url[:100]!r} is no address of the web")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return parse_target(f"{host}:{parts.port}" if parts.port else host, 443 if parts.scheme == "https" else 80)


async def addresses_of(url: str, rules: NetworkRules, seconds: float) -> tuple[Address, ...]:
    """Those of the host, if all of them may be gone to. Raises network.Denied, OSError or ValueError."""
    target = target_of(url)
    return await Outside(AllowList((str(target),)), rules, seconds).addresses(target)


async def send_to(
    addresses: tuple[Address, ...],
    client: "httpx.AsyncClient",
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes = b"",
) -> "httpx.Response":
    """The answer of the first address that can be connected to, its body unread; whoever asks closes it.

    Raises httpx.ConnectError or httpx.ConnectTimeout where nothing was sent, and other kinds of httpx.HTTPError.
    """
    import httpx  # only who sends pays for it

    problem: httpx.ConnectError | httpx.ConnectTimeout = httpx.ConnectError(f"{url} has no address")
    for address in addresses:
        asked = client.build_request(method, url, headers=dict(headers), content=body)
        asked.extensions = {**asked.extensions, "sni_hostname": asked.url.host}
        asked.url = asked.url.copy_with(host=str(address))
        try:
            return await client.send(asked, stream=True, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
            problem = exc
    raise problem
