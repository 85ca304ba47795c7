"""What tests of the shadow may ask for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.running import Running, running

SHADOW_KEY = "a-key-of-the-shadow-proxy-that-nobody-else-has"


@pytest.fixture(scope="module")
def muted_service(
    new_dsn: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Running]]:
    """A running service with that LERNBATCH_TAKEOVER, the same one for a file of tests."""
    with ExitStack() as opened:
        services: dict[str, Running] = {}

        def muted(takeover: str) -> Running:
            if takeover not in services:
                home = tmp_path_factory.mktemp("muted")
                services[takeover] = opened.enter_context(
                    running(home, new_dsn(), takeover=takeover, shadow_key=SHADOW_KEY)
                )
            return services[takeover]

        yield muted
