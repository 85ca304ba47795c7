"""The JSON of health answers."""

from __future__ import annotations

from typing import Any

from lernbatch.ops.health import Check


def show_checks(name: str, checks: list[Check]) -> dict[str, Any]:
    """{"name": "Complete health check api", "healthy": true, "checks": [{"name": "lms-service", …}]}"""
    return {
        "name": name,
        "healthy": all(check.healthy for check in checks),
        "checks": [
            {
                "name": check.name,
                "healthy": check.healthy,
                "err": "" if check.healthy else "CONNECTION_ERROR",
                "errmsg": check.error,
            }
            for check in checks
        ],
    }


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
