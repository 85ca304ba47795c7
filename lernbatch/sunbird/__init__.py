"""The other services of the platform: one thin typed client each.

Where no address is configured, the bundled sandbox answers in this process, through the same clients.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import httpx
from starlette.types import ASGIApp

from lernbatch.config import Config
from lernbatch.sunbird.content import Content
from lernbatch.sunbird.files import Files, PublicOnly, trusted_hosts
from lernbatch.sunbird.groups import Groups
from lernbatch.sunbird.http import Remote
from lernbatch.sunbird.notify import Notify
from lernbatch.sunbird.orgs import Organisations
from lernbatch.sunbird.questions import Questions
from lernbatch.sunbird.search import Search
from lernbatch.sunbird.templates import Templates
from lernbatch.sunbird.users import Lists, Users

IN_PROCESS = "http://sandbox"  # nobody is looked up under this name
# The sandbox lists many people, and their consents, in one call; the platform has no path of its own for that.
SANDBOX_LISTS = Lists("/sandbox/people", "/sandbox/consents")


@dataclass(frozen=True, slots=True)
class Sunbird:
    """The clients of a process."""

    content: Content
    search: Search
    questions: Questions
    users: Users
    organisations: Organisations
    groups: Groups
    templates: Templates
    notify: Notify

    @classmethod
    @asynccontextmanager
    async def open(cls, config: Config, sandbox: ASGIApp) -> AsyncIterator[Sunbird]:
        """The clients, with their connections open until the block ends. `sandbox` answers where no URL is set."""
        async with AsyncExitStack() as opened:
            bundled = httpx.ASGITransport(sandbox, raise_app_exceptions=False)
            tls = httpx.create_ssl_context()  # once: reading the certificates takes longer than all the rest

            async def client(url: str | None) -> httpx.AsyncClient:
                if url is None:
                    remote_client = httpx.AsyncClient(transport=bundled, base_url=IN_PROCESS)
                else:
                    remote_client = httpx.AsyncClient(
                        base_url=url, verify=tls, timeout=_timeout(config), limits=kept, follow_redirects=False
                    )
                return await opened.enter_async_context(remote_client)

            most = config.upstream_connections
            kept = httpx.Limits(max_connections=most, max_keepalive_connections=most)
            direct = httpx.Limits(max_connections=config.upstream_connections, max_keepalive_connections=0)
            outside = httpx.AsyncHTTPTransport(verify=tls, limits=direct)
            strangers = httpx.AsyncClient(
                transport=PublicOnly(outside, trusted_hosts(config)), timeout=_timeout(config), follow_redirects=False
            )

            async def remote(name: str, url: str | None) -> Remote:
                return Remote(name, await client(url), config)

            content = await remote("content", config.content_url)
            people = await remote("user-org", config.user_org_url)
            search = await remote("search", config.search_url)
            composite = await remote("composite search", config.composite_search_url or config.search_url)
            certificates = await remote("certificate", config.certificate_service_url)
            lists = SANDBOX_LISTS
            if config.user_org_url is not None:
                lists = Lists(config.user_list_path, config.consent_list_path)
            yield cls(
                content=Content(content, config),
                search=Search(search, composite, config),
                questions=Questions(await remote("question set", config.questionset_url), config),
                users=Users(people, config, lists),
                organisations=Organisations(people, config),
                groups=Groups(await remote("group", config.group_url), config),
                templates=Templates(
                    content, certificates, Files(await opened.enter_async_context(strangers), config), config
                ),
                notify=Notify(people, config),
            )


def _timeout(config: Config) -> httpx.Timeout:
    seconds = config.upstream_timeout_seconds
    return httpx.Timeout(seconds, connect=min(config.upstream_connect_seconds, seconds))
