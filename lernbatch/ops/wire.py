"""The JSON of health answers."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, UnsetType

from lernbatch.ops.health import Check
from lernbatch.web.schema import Fields


class HealthCheck(Fields):
    """One part that the service needs."""

    name: str
    healthy: bool
    err: str
    errmsg: str


class HealthChecks(Fields):
    """How the parts are."""

    name: str
    healthy: bool
    checks: list[HealthCheck]


class Health(Fields):
    """The answer of /health."""

    response: HealthChecks
    takeover: Annotated[str, Meta(description="`copy` or `shadow`, while nothing leaves.")] | UnsetType = UNSET


def show_checks(name: str, checks: list[Check]) -> HealthChecks:
    """{"name": "Complete health check api", "healthy": true, "checks": [{"name": "lms-service", …}]}"""
    return HealthChecks(
        name=name,
        healthy=all(check.healthy for check in checks if check.vital),
        checks=[
            HealthCheck(
                name=check.name,
                healthy=check.healthy,
                err="" if check.healthy else "CONNECTION_ERROR",
                errmsg=check.error,
            )
            for check in checks
        ],
    )


def show_service_health(timestamp: str) -> dict[str, Any]:
    """The whole answer of /service/health, which has an envelope of its own.

    `ts` is the time; the reference puts the message id there (defect 38), which now comes as X-Request-ID.
    """
    return {
        "id": "learner.service.health.api",
        "ver": "service",
        "ts": timestamp,
        "params": None,
        "responseCode": "OK",
        "result": {"response": show_checks("Learner service health", [Check("Learner service")])},
    }
