"""How often somebody may try to sign in: by the address they come from, and by what they try it with."""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from math import ceil

from starlette.requests import Request

from honk.ports import Clock

#: so many attempts are free in so much time
LIMIT, SPAN = 10, timedelta(minutes=10)
#: names that are remembered; the one that was not heard of for longest is forgotten first
_MOST = 10_000


@dataclass(frozen=True, kw_only=True)
class Attempts:
    """Counts an attempt when it begins, so that many at once are no way round, and forgives those that were right."""

    clock: Clock
    _made: "OrderedDict[str, deque[datetime]]" = field(default_factory=OrderedDict)

    def begin(self, *names: str) -> int:
        """Counts an attempt under each name; 0, or the seconds after which one of them may try again."""
        now = self.clock()
        if wait := max((self._wait(name, now) for name in names), default=0):
            return wait
        for name in names:
            self._made.setdefault(name, deque()).append(now)
            self._made.move_to_end(name)
        while len(self._made) > _MOST:
            self._made.popitem(last=False)
        return 0

    def right(self, *names: str) -> None:
        """The attempt that began last under these names was no guess."""
        for name in names:
            if made := self._made.get(name):
                made.pop()

    def _wait(self, name: str, now: datetime) -> int:
        made = self._made.get(name, deque())
        while made and made[0] <= now - SPAN:
            made.popleft()
        return 0 if len(made) < LIMIT else max(1, ceil((made[0] + SPAN - now).total_seconds()))


def names_of(request: Request, kind: str, tried: str) -> tuple[str, str]:
    """Under which an attempt counts: where it comes from, and what was tried, of which only a digest is kept."""
    return f"from {_address(request)}", f"{kind} {hashlib.sha256(tried.encode('utf-8', 'replace')).hexdigest()}"


def _address(request: Request) -> str:
    """A proxy on this machine says whom it speaks for, last in its header; nobody else is believed.

    Of an IPv6 address the network counts: whoever has one has all addresses in it.
    """
    near = request.client.host if request.client else ""
    said: Iterable[str] = (near,)
    if _loopback(near):
        said = (request.headers.get("x-forwarded-for", "").rpartition(",")[2].strip(), near)
    for one in said:
        try:
            address = ip_address(one)
        except ValueError:
            continue
        return str(IPv6Network((int(address), 64), strict=False)) if isinstance(address, IPv6Address) else str(address)
    return near


def _loopback(address: str) -> bool:
    try:
        return ip_address(address).is_loopback
    except ValueError:
        return False
