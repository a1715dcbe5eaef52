"""Where a sandbox may go: names on the allow-list, and never an address that is near to this host.

Addresses are refused by kind, not by "is it global": a company's mirror may sit on any odd range, and what is to
be kept out is this host, its neighbours and the cloud's metadata service.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
#: Every address of a host name. Raises OSError when there is none.
Resolve = Callable[[str], Awaitable[tuple[Address, ...]]]

#: ports of an allowed host that was named without one
USUAL_PORTS = frozenset({80, 443})
#: how many of a name's addresses are tried
ADDRESSES_TRIED = 3

_REFUSED: tuple[tuple[str, str], ...] = (
    ("127.0.0.0/8", "loopback"),
    ("::1/128", "loopback"),
    ("0.0.0.0/8", "unspecified"),
    ("::/128", "unspecified"),
    ("169.254.0.0/16", "link-local"),
    ("fe80::/10", "link-local"),
    ("100.100.100.200/32", "a metadata service"),
    ("168.63.129.16/32", "a metadata service"),
    ("192.0.0.192/32", "a metadata service"),
    ("10.0.0.0/8", "a private network"),
    ("172.16.0.0/12", "a private network"),
    ("192.168.0.0/16", "a private network"),
    ("fc00::/7", "a private network"),
    ("fec0::/10", "a private network"),
    ("224.0.0.0/4", "multicast"),
    ("ff00::/8", "multicast"),
    ("255.255.255.255/32", "broadcast"),
    ("64:ff9b:1::/48", "a private network"),
)
_KINDS: tuple[tuple[Network, str], ...] = tuple((ip_network(network), kind) for network, kind in _REFUSED)

#: IPv6 networks whose last 32 bits are an IPv4 address: compatible, mapped, translated, NAT64
_EMBEDDING = tuple(IPv6Network(network) for network in ("::/96", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96"))


async def resolve(host: str) -> tuple[Address, ...]:
    """Asks the host's own resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    names = (str(entry[4][0]).partition("%")[0] for entry in found)
    return tuple(dict.fromkeys(ip_address(name) for name in names))


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkRules:
    """What the operator says about networks."""

    #: networks that may be reached although they are refused by kind
    allow_networks: tuple[Network, ...] = ()
    #: how names are looked up
    resolve: Resolve = resolve


class Denied(Exception):
    """The sandbox may not go there; `target` and `reason` are for people."""

    def __init__(self, target: str, reason: str) -> None:
        super().__init__(target, reason)
        self.target = target
        self.reason = reason


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """A host and a port; the host in lower case, without a final dot or brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_target(text: str, default_port: int | None = None) -> Target:
    """`host:port`, `[v6]:port`, or without a port where there is a default. Raises ValueError."""
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(f"{text!r} is not a host and a port")
        host = str(IPv6Address(host))
        port = rest[1:]
    else:
        host, _, port = text.partition(":")
        host = _host_name(host)
    if not port and default_port is not None and not text.endswith(":"):
        return Target(host=host, port=default_port)
    if not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ValueError(f"{text!r} has no usable port")
    return Target(host=host, port=int(port))


def _host_name(name: str) -> str:
    host = name.lower().removesuffix(".")
    good = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
    if not host or len(host) > 253 or not good.issuperset(host) or ".." in host or host.startswith("."):
        raise ValueError(f"{name!r} is not a host name")
    return host


class AllowList:
    """Names that may be reached: exactly these hosts, never their subdomains."""

    def __init__(self, hosts: tuple[str, ...]) -> None:
        """`host` allows ports 80 and 443, `host:port` that one. Raises ValueError for anything else."""
        self._targets: set[tuple[str, int]] = set()
        for entry in hosts:
            for port in USUAL_PORTS:
                target = parse_target(entry, port)
                self._targets.add((target.host, target.port))

    def __contains__(self, target: Target) -> bool:
        return (target.host, target.port) in self._targets


def why_refused(address: Address) -> str:
    """Why nothing inside may reach this address, or "": also where another address is embedded in it."""
    if isinstance(address, IPv6Address):
        address = IPv6Address(int(address))  # without a zone
    for candidate in (address, *_embedded(address)):
        for network, kind in _KINDS:
            if candidate.version == network.version and candidate in network:
                return kind
    return ""


def _embedded(address: Address) -> tuple[IPv4Address, ...]:
    """IPv4 addresses that a host may be sent to by way of this IPv6 address."""
    if isinstance(address, IPv4Address):
        return ()
    found: list[IPv4Address] = []
    if any(address in network for network in _EMBEDDING) and int(address) > 1:
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    if address.sixtofour is not None:
        found.append(address.sixtofour)
    if address.teredo is not None:
        found.extend(address.teredo)
    if (int(address) >> 32) & 0xFCFFFFFF == 0x00005EFE:  # ISATAP
        found.append(IPv4Address(int(address) & 0xFFFFFFFF))
    return tuple(found)


def is_own(address: Address) -> bool:
    """Whether the address is this host's: to reach itself, a host speaks from the very address."""
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((str(address), 9))
            own = str(probe.getsockname()[0])
        except OSError:
            return False
    return ip_address(own.partition("%")[0]) == address


class Outside:
    """The way out to other hosts: a name is looked up once, and what is connected to is that very address."""

    def __init__(self, allowed: AllowList, rules: NetworkRules, connect_seconds: float) -> None:
        self._allowed = allowed
        self._rules = rules
        self._seconds = connect_seconds

    async def addresses(self, target: Target) -> tuple[Address, ...]:
        """Where the target may be reached. Raises Denied, or OSError when the name is unknown."""
        if target not in self._allowed:
            raise Denied(str(target), "the host is not on the list of allowed hosts")
        async with asyncio.timeout(self._seconds):
            found = await self._rules.resolve(target.host)
        usable = tuple(address for address in found if not self._refusal(address))
        if found and not usable:
            raise Denied(str(target), f"its address {found[0]} is {self._refusal(found[0])}")
        if not usable:
            raise OSError(f"{target.host} has no address")
        return usable[:ADDRESSES_TRIED]

    async def connect(self, target: Target) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection. Raises Denied or OSError (TimeoutError is one)."""
        problem = OSError(f"{target} cannot be reached")
        for address in await self.addresses(target):
            try:
                async with asyncio.timeout(self._seconds):
                    return await asyncio.open_connection(str(address), target.port)
            except OSError as exc:
                problem = exc
        raise problem

    def _refusal(self, address: Address) -> str:
        if any(address in network for network in self._rules.allow_networks if network.version == address.version):
            return ""
        return why_refused(address) or ("this host's own" if is_own(address) else "")
