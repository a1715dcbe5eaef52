"""What kind of network an address belongs to, seen from a phone."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

#: The range that Tailscale and carriers' NAT use (RFC 6598).
_SHARED = IPv4Network("100.64.0.0/10")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach that host."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def reach_of(addresses: list[str]) -> str:
    """Who can reach these addresses: "nobody", "tailnet", "network" or "everybody"."""
    found = [ip_address(one.partition("%")[0]) for one in addresses]
    reaches = {_reach(one) for one in found}
    return next((one for one in ("everybody", "network", "tailnet") if one in reaches), "nobody")


def _reach(address: IPv4Address | IPv6Address) -> str:
    if address.is_loopback or address.is_unspecified or address.is_link_local:
        return "nobody"
    if isinstance(address, IPv4Address) and address in _SHARED:
        return "tailnet"
    return "network" if address.is_private else "everybody"
