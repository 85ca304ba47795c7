"""Files at addresses that people wrote into a template: pictures of certificates."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import ip_address

import httpx

from lernbatch.config import Config
from lernbatch.sunbird.http import NotSent, Remote, Unreachable


class Inside(NotSent):
    """The address leads into the network, where only we can reach."""


class PublicOnly(httpx.AsyncBaseTransport):
    """Connects to public addresses, and to `trusted` hosts wherever they are.

    What a name means may change between a look at it and the next, so the connection goes to the very address that was
    looked at, under the name that was asked for. `within` must not keep connections: it would share one among names.
    `setting`: where `trusted` comes from.
    """

    def __init__(
        self, within: httpx.AsyncBaseTransport, trusted: frozenset[str], setting: str = "LERNBATCH_PICTURE_HOSTS"
    ) -> None:
        self._within, self._trusted, self._setting = within, trusted, setting

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        if self._trusted & {host, request.url.netloc.decode()}:
            return await self._within.handle_async_request(request)
        *others, last = await public_addresses(host, self._setting)
        for address in others:
            try:
                return await self._within.handle_async_request(_sent_to(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout):
                continue
        return await self._within.handle_async_request(_sent_to(request, last))

    async def aclose(self) -> None:
        await self._within.aclose()


class Files:
    """Fetches by URL: from public addresses, the cloud store, and the configured ones inside the network.

    Mentors write such URLs, so they must not lead to services that only we can reach; `client` sees to it (see
    `PublicOnly`). Redirects are not followed.
    """

    def __init__(self, client: httpx.AsyncClient, config: Config) -> None:
        self._client, self._config = client, config

    async def fetch(self, url: str) -> bytes:
        """The bytes under `url`. Raises: Unreachable."""
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as wrong:
            raise Unreachable(f"{url} is no address: {wrong}") from wrong
        if address.scheme not in ("http", "https") or not address.host:
            raise Unreachable(f"{url} is no address of a file")
        # A remote for each file: one that is not to be had says nothing about the others' hosts.
        return await Remote("file", self._client, self._config).fetch(url)


def trusted_hosts(config: Config) -> frozenset[str]:
    """Hosts from which files may be fetched wherever they are, with or without a port."""
    store = httpx.URL(config.cloud_store_url).netloc.decode()
    return frozenset(host for host in (*config.picture_hosts, store) if host)


def _sent_to(request: httpx.Request, address: str) -> httpx.Request:
    """The same request to `address`; the name stays in Host and in what the certificate is checked against."""
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


async def public_addresses(host: str, setting: str) -> list[str]:
    """The addresses of a host, all outside the network. Raises: Unreachable; Inside, when one of them is not.

    `setting`: which names those that may be inside.
    """
    try:
        places = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as unknown:
        raise Unreachable(f"there is no host {host}: {unknown}") from unknown
    addresses = [str(place[4][0]) for place in places]
    if not addresses or not all(ip_address(address).is_global for address in addresses):
        raise Inside(f"{host} is inside the network: name it in {setting} to reach it there")
    return addresses
