"""Pages of operation."""

from __future__ import annotations

from starlette.responses import Response

import lernbatch
from lernbatch import environment
from lernbatch.certificate import actions as certificates
from lernbatch.console import rendering
from lernbatch.console.operation import view
from lernbatch.console.visit import Visit, see_other
from lernbatch.inbox import actions as inbox
from lernbatch.jobs import worker
from lernbatch.jobs.outbox import actions as outbox
from lernbatch.ops import health, operation, recent


async def show(visit: Visit) -> Response:
    """GET /console/operation"""
    services, words, now = visit.services, visit.words, visit.services.clock.now()
    checks = await health.checks(services)
    queues, groups = await operation.queues(services), await operation.parked(services)
    runs = await operation.job_runs(services)
    kind, text, effect = view.worst(checks, groups, queues, runs, now, words)
    pool = services.pool
    context = {
        "version": lernbatch.__version__,
        "worst": {"kind": kind, "text": text, "effect": effect},
        "hour": view.hour(recent.last_hour(), words),
        "connections": {"used": pool.get_size() - pool.get_idle_size(), "most": services.config.pool_size},
        "waiting": sum(queue.waiting for queue in queues),
        "given_up": sum(queue.parked for queue in queues),
        "failing": sum(run.failures > 0 for run in runs),
        "queues": view.queues(queues, now, words),
        "parked": view.parked(groups, words),
        "jobs": view.jobs(runs, words),
        "neighbours": view.neighbours(checks, words),
        "settings": [setting for setting in environment.shown(services.config) if setting.source != "default"],
        "was_sent": visit.query.get("sent", ""),
        "was_run": visit.query.get("run", ""),
    }
    return await rendering.page(visit, "operation/page.html", context)


async def send_again(visit: Visit) -> Response:
    """POST /console/operation, do=again: what was given up of one kind, or all of it, is tried again."""
    services, what = visit.services, visit.form.get("what", "")
    count = 0
    if what in ("", "certificate_due"):
        count += await certificates.retry_all(services)
    if what in ("", "inbox"):
        count += await inbox.replay(services)
    if what not in ("certificate_due", "inbox"):
        count += await outbox.replay(services.pool, services, what or None)
    services.wake.now()
    return see_other(f"{visit.path}?sent={count}")


async def run(visit: Visit) -> Response:
    """POST /console/operation, do=run: a job runs at the next look of a worker."""
    kind = visit.form.get("kind", "")
    await worker.run_soon(visit.services, kind)
    return see_other(f"{visit.path}?run={kind}" if kind.replace(".", "").replace("_", "").isalnum() else visit.path)


async def settings(visit: Visit) -> Response:
    """GET /console/operation/settings: every setting and where it comes from, secrets masked."""
    context = {"settings": environment.shown(visit.services.config)}
    return await rendering.page(visit, "operation/settings.html", context)
