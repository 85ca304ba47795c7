"""Commands that run both services side by side and say how far they agree."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from lernbatch import command
from lernbatch.config import Config
from lernbatch.errors import Unusable
from lernbatch.shadow import resigning
from lernbatch.shadow.comparer import Settings

app = App(
    name="shadow", help="Run beside the old service: it answers, ours is asked too, and the answers are compared."
)


@app.command
def serve(
    *,
    primary: str,
    candidate: str,
    journal: Path,
    host: str = "127.0.0.1",
    port: int = 9090,
    sample: float = 0.1,
    settle: float = 120,
    replay_key: Path | None = None,
    straight_through: bool = False,
) -> None:
    """Forward every call to the primary and ask the candidate the same, until SIGTERM.

    The gateway is pointed here instead of at the old service. SIGUSR1 sends all traffic straight through, and back.

    Example: `lernbatch shadow serve --primary http://lms:9000 --candidate http://lernbatch:8000 --journal shadow`

    Args:
        primary: the address of the service that answers
        candidate: the address of ours, which runs with LERNBATCH_TAKEOVER=shadow and the same LERNBATCH_SHADOW_KEY
        journal: the folder where requests, answers and differences are kept
        host: the address to listen on
        port: the port to listen on, 0 takes a free one
        sample: the share of reads that are compared, 0 to 1; of writes all are
        settle: seconds after which both are asked again about a read that differs; 0: never
        replay_key: PEM of a private key that tokens for the candidate are signed with, instead of the callers'
        straight_through: compare nothing
    """
    from lernbatch.shadow import proxy
    from lernbatch.shadow.handover import Handover
    from lernbatch.shadow.rules import Calls
    from lernbatch.shadow.upstream import PrimaryService
    from lernbatch.web import server

    if not 0 <= sample <= 1:
        raise Unusable("--sample is a share from 0 to 1.")
    if settle < 0:
        raise Unusable("--settle is a number of seconds.")
    settings = _settings(command.settings(), primary, candidate, journal, settle, replay_key)
    upstream, handover = PrimaryService(primary), Handover("lernbatch.shadow.comparer", settings)
    forwarding = proxy.Proxy(upstream, handover, Calls(settings.routes), sample)
    forwarding.is_straight = straight_through
    with server.listening(host, port) as sock:
        print(f"Everything on {server.url(sock)} is answered by {primary}.", flush=True)
        proxy.serve(forwarding, handover, upstream, sock)


def _settings(
    config: Config, primary: str, candidate: str, journal: Path, settle: float, replay_key: Path | None
) -> Settings:
    """Raises: Unusable."""
    from lernbatch.routes import ROUTES

    for url in (primary, candidate):
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
            raise Unusable(f"{url} is no address of a service: it looks like http://host:9000.")
    key = resigning.read_key(replay_key)
    resigning.Resigner.of(key, "", config.token_issuer)
    return Settings(
        primary=primary,
        candidate=candidate,
        journal=str(journal.absolute()),
        routes=[(route.method, route.path, route.gateway) for route in ROUTES],
        settle_seconds=settle,
        shadow_key=config.shadow_key.get_secret_value() if config.shadow_key else "",
        replay_key=key,
        replay_key_id=replay_key.stem if replay_key else "",
        token_issuer=config.token_issuer,
        log_level=config.log_level,
    )


@app.command
def report(
    folder: Path,
    /,
    *,
    gate: float | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> None:
    """Print how far both agreed: by route, kind and JSON path. With a gate, exit with 1 when that is not enough.

    Example: `lernbatch shadow report shadow --gate 0.999`

    Args:
        folder: the journal
        gate: the share of compared answers that must agree; then no unexplained status or error may be left either
        as_json: one JSON object instead of tables
    """
    from lernbatch.shadow import report as reporting

    if gate is not None and not 0 <= gate <= 1:
        raise Unusable("--gate is a share from 0 to 1.")
    summary = reporting.summarise(folder)
    if as_json:
        print(json.dumps(reporting.document(summary, gate), indent=2, ensure_ascii=False))
    else:
        for printable in reporting.tables(summary):
            command.Screen(soft_wrap=True).print(printable)
    if gate is not None and (obstacles := summary.obstacles(gate)):
        raise Unusable("The gate stays closed: " + "; ".join(obstacles) + ".")


@app.command
def replay(
    folder: Path,
    /,
    *,
    candidate: str,
    journal: Path | None = None,
    pace: float = 1,
    replay_key: Path | None = None,
    failed: bool = False,
) -> None:
    """Ask a candidate what a journal has recorded, in its order, and compare with what the primary answered then.

    Example: `lernbatch shadow replay shadow --candidate http://127.0.0.1:8000 --pace 10 --replay-key replay.pem`

    Args:
        folder: the journal to play
        candidate: the address of the service that is asked, in shadow mode with our LERNBATCH_SHADOW_KEY
        journal: where the new comparison is kept; else a folder `replay-…` beside the journal
        pace: how many times as fast as it was; 0: as fast as it goes
        replay_key: PEM of a private key that tokens are signed with; without it what had a token is skipped
        failed: ask only what the candidate did not answer then
    """
    from lernbatch.shadow import replay as playing

    if pace < 0:
        raise Unusable("--pace is a number of times, or 0.")
    target = journal or playing.folder_beside(folder)
    if target.resolve() == folder.resolve():
        raise Unusable("A replay is recorded in another folder than the one that it plays.")
    settings = _settings(command.settings(), candidate, candidate, target, 0, replay_key)
    counts = asyncio.run(playing.play(folder, settings, pace, failed_only=failed))
    print(f"{counts.asked} requests were asked again, {counts.skipped} skipped: {counts.reasons}. See {target}.")
