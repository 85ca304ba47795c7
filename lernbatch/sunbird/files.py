"""Files at addresses that people wrote into a template: pictures of certificates."""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

import httpx

from lernbatch.config import Config
from lernbatch.sunbird.http import Remote, Unreachable


class Files:
    """Fetches by URL: from public addresses, the cloud store, and the configured ones inside the network.

    Mentors write such URLs, so they must not lead to services that only we can reach. Redirects are not followed.
    """

    def __init__(self, client: httpx.AsyncClient, config: Config) -> None:
        self._client, self._config = client, config
        store = httpx.URL(config.cloud_store_url).netloc.decode()
        self._trusted = frozenset(host for host in (*config.picture_hosts, store) if host)

    async def fetch(self, url: str) -> bytes:
        """The bytes under `url`. Raises: Unreachable."""
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as wrong:
            raise Unreachable(f"{url} is no address: {wrong}") from wrong
        if address.scheme not in ("http", "https") or not address.host:
            raise Unreachable(f"{url} is no address of a file")
        if not self._trusted & {address.host, address.netloc.decode()}:
            await _check_public(address.host)
        # A remote for each file: one that is not to be had says nothing about the others' hosts.
        return await Remote("file", self._client, self._config).fetch(url)


async def _check_public(host: str) -> None:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, None)
    except (OSError, UnicodeError) as unknown:
        raise Unreachable(f"there is no host {host}: {unknown}") from unknown
    if not all(ip_address(place[4][0]).is_global for place in found):
        raise Unreachable(f"{host} is inside the network: name it in LERNBATCH_PICTURE_HOSTS to fetch from there")
