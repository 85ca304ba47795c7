"""Whether a request comes from inside: what opens `/private/…` to who shows no service token.

An address alone says little. A proxy on the same machine has a loopback address whoever asks it, and a page in a
browser of the own network asks from there. So whatever such a request betrays itself by counts as outside.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from starlette.requests import Request

from lernbatch.config import Config
from lernbatch.web.headers import headers_of

# What proxies add. Of these only X-Forwarded-For is believed, and only where the setting trusted_proxies says whose.
_is_forwarding = re.compile(
    "(?:forwarded|via|x-real-ip)$|x-forwarded|x-original|x-azure-|x-envoy-external-|cf-|fastly-client|.*client-?ip"
).match

MOST_PROXIES = 20  # on the way of one request

Address: TypeAlias = IPv4Address | IPv6Address
Networks: TypeAlias = Sequence[IPv4Network | IPv6Network]


def is_inside(peer: str, http_version: str, headers: Mapping[str, str], config: Config) -> bool:
    """Whether a request of the address `peer` may be taken for one of `private_networks`. `headers`: lower-case names.

    HTTP/1.0 without a forwarding header is what nginx sends unless it is told otherwise.
    """
    try:
        address = ip_address(peer)
        if any(map(_is_forwarding, headers)):
            if not _is_in(address, config.trusted_proxies):
                return False
            address = client_address(headers.get("x-forwarded-for", ""), config.trusted_proxies)
        elif http_version == "1.0":
            return False
    except ValueError:  # a Unix socket, or a proxy passed on something that is no address
        return False
    return _is_in(address, config.private_networks) and is_own_name(headers.get("host", ""), config.private_hosts)


def is_own_name(host: str, others: Sequence[str]) -> bool:
    """Whether `host` cannot be a name of the outside that was made to point here (DNS rebinding).

    Addresses and names without a dot cannot; `others`: names that an operator vouches for.
    """
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return bool(bracket) and ":" in name and (not port or port.startswith(":"))
    name = host.rpartition(":")[0] if ":" in host else host
    name = name.lower().removesuffix(".")
    if not name:
        return False
    return "." not in name or name.endswith(".localhost") or name in map(str.lower, others) or _is_address(name)


def client_address(forwarded_for: str, proxies: Networks) -> Address:
    """The last address that no trusted proxy has; when all have one, the first.

    Raises: ValueError, also where there are more than MOST_PROXIES: a client may write as many as a header takes.
    """
    for entry in reversed(forwarded_for.rsplit(",", MOST_PROXIES)):
        address = ip_address(entry.strip().strip("[]"))
        if not _is_in(address, proxies):
            break
    return address


def address_of(request: Request, config: Config) -> Address | None:
    """Where a request comes from: the peer's address, or what trusted proxies say; None: from a Unix socket."""
    try:
        peer = ip_address(request.client.host if request.client else "")
    except ValueError:
        return None
    forwarded_for = headers_of(request.scope).get("x-forwarded-for", "")
    if not forwarded_for or not _is_in(peer, config.trusted_proxies):
        return peer
    try:
        return client_address(forwarded_for, config.trusted_proxies)
    except ValueError:
        return peer


def counted_address(request: Request, config: Config) -> str:
    """Whose calls are counted together: an address, of IPv6 the network that one customer has."""
    address = address_of(request, config)
    return str(ip_network((address, 64), strict=False) if isinstance(address, IPv6Address) else address)


def _is_in(address: Address, networks: Networks) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return any((mapped or address) in network for network in networks)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
