"""Files at addresses that mentors wrote: never from inside the network, whatever a name means a moment later."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from lernbatch.sunbird.files import Inside, PublicOnly
from lernbatch.sunbird.http import Unreachable
from tests.sunbird.conftest import Clients, Script

PUBLIC, OTHER, LOOPBACK = "93.184.216.34", "2606:2800:220:1:248:1893:25c8:1946", "127.0.0.1"
Names = Callable[..., None]


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Lets every name mean the given addresses, one list for each time it is looked up; the last one stays."""
    real = socket.getaddrinfo

    def mean(*lists: list[str]) -> None:
        waiting = list(lists)

        def look_up(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
            if str(host) != "pictures.example":
                return real(host, port, *args, **kwargs)
            found = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 0)) for address in found]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)

    return mean


def connected(answer: Callable[[httpx.Request], httpx.Response], url: str) -> list[httpx.Request]:
    """What would be sent for `url`, where `answer` stands for the network."""
    seen: list[httpx.Request] = []

    def network(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return answer(request)

    async def fetch() -> None:
        async with httpx.AsyncClient(transport=PublicOnly(httpx.MockTransport(network), frozenset())) as client:
            await client.get(url)

    asyncio.run(fetch())
    return seen


def ok(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200)


def test_the_connection_goes_to_the_address_that_was_looked_at(names: Names) -> None:
    names([PUBLIC], [LOOPBACK])  # as a name that is rebound between the look and the connection
    (sent,) = connected(ok, "https://pictures.example:8443/s.png")
    assert (sent.url.host, sent.url.port, sent.url.path) == (PUBLIC, 8443, "/s.png")
    assert sent.headers["Host"] == "pictures.example:8443"
    assert sent.extensions["sni_hostname"] == "pictures.example"


def test_an_address_that_does_not_answer_gives_way_to_the_next(names: Names) -> None:
    names([OTHER, PUBLIC])

    def only_the_old_internet(request: httpx.Request) -> httpx.Response:
        if request.url.host == OTHER:
            raise httpx.ConnectError("no route")
        return httpx.Response(200)

    assert [sent.url.host for sent in connected(only_the_old_internet, "http://pictures.example/")] == [OTHER, PUBLIC]


@pytest.mark.parametrize("found", [[LOOPBACK], [PUBLIC, LOOPBACK], ["10.0.0.7"], ["169.254.169.254"], ["::1"]])
def test_a_name_that_leads_inside_is_not_asked(
    scripted: Script, clients: Clients, names: Names, found: list[str]
) -> None:
    scripted.answer((200, b"secret"))
    names(found)
    url = scripted.url.replace("127.0.0.1", "pictures.example") + "/s.png"
    with pytest.raises(Inside) as refused:
        clients(lambda sunbird: sunbird.templates.picture(url))
    assert "pictures.example is inside the network" in refused.value.detail
    assert scripted.requests == []


@pytest.mark.parametrize("url", ["ftp://pictures.example/s.png", "file:///etc/passwd", "http://", "http://[::1/x"])
def test_what_is_no_address_of_a_file_is_not_asked(clients: Clients, url: str) -> None:
    with pytest.raises(Unreachable):
        clients(lambda sunbird: sunbird.templates.picture(url))
