"""What others hear when a certificate was issued (contract jobs §4.10)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any
from uuid import uuid4

from lernbatch.batch.model import Batch
from lernbatch.certificate.evaluation import Earned, UnsavedCertificate
from lernbatch.config import Config
from lernbatch.credential.strict_json import instant
from lernbatch.jobs.outbox.announcements import announcement
from lernbatch.jobs.outbox.events import FEED, KAFKA, NOTIFICATION, Event, job_request
from lernbatch.services import Services
from lernbatch.template.files import real_url
from lernbatch.template.rules import MAIL_LINKS, mail_fields


def issued(services: Services, certificate: UnsavedCertificate, now: datetime) -> Iterator[Event]:
    """The audit, the learner's feed, and mail and message where the template has texts for them."""
    earned, config = certificate.earned, services.config
    yield Event(KAFKA, config.topic_telemetry, earned.due.user_id, audit_event(certificate, now))
    ids = {"userId": earned.due.user_id, "certificateId": certificate.certificate_id}
    yield from announcement(config, int(now.timestamp() * 1000), "certificate.issued", earned.due.batch_id, **ids)
    if config.certificate_feed_enabled:
        yield Event(FEED, "certificate", earned.due.user_id, feed_event(earned))
    # Once more: a template may be older than the rule, or come from the reference's tables.
    fields, _ = mail_fields(earned.template.notify, config.mail_hosts, config.cloud_store_placeholder)
    if fields:
        held_on = earned.earned_at.astimezone(services.clock.zone).date().isoformat()
        mail = {
            **{key: real_url(config, value) if key in MAIL_LINKS else value for key, value in fields.items()},
            "orgName": certificate.issuer,
            "firstName": earned.person.name,
            "TrainingName": earned.course_name,
            "heldDate": held_on,
            "recipientUserIds": [earned.due.user_id],
            "body": "email body",
        }
        yield Event(NOTIFICATION, "certificate", earned.due.user_id, mail)
        if earned.person.masked_phone:
            message = (
                "Congratulations! Download your course certificate from your profile page. If you have a problem "
                f"downloading it on the mobile, update your {config.platform_name} app"
            )
            yield Event(NOTIFICATION, "certificate", earned.due.user_id, {**mail, "mode": "sms", "body": message})


def instruction(config: Config, now_ms: int, batch: Batch, user_id: str, *, again: bool) -> Event:
    """That a certificate was asked for, one learner an event (contract batches §4.3, defect 31)."""
    edata: dict[str, Any] = {
        "userIds": [user_id],
        "batchId": batch.batch_id,
        "courseId": batch.course_id,
        "action": "issue-certificate",
        "iteration": 1,
    }
    if again:
        edata["reIssue"] = True
    payload = job_request(
        now_ms=now_ms,
        actor="Course Certificate Generator",
        object_id=sha256(f"{batch.batch_id}_{batch.course_id}".encode()).hexdigest(),
        object_type="CourseCertificateGeneration",
        edata=edata,
    )
    return Event(KAFKA, config.topic_certificate, batch.batch_id, payload)


def audit_event(certificate: UnsavedCertificate, now: datetime) -> dict[str, object]:
    """The AUDIT event that an issue leaves on the platform's telemetry topic."""
    earned = certificate.earned
    at = int(now.timestamp() * 1000)
    return {
        "eid": "AUDIT",
        "ver": "3.0",
        "ets": at,
        "mid": f"LP.AUDIT.{at}.{uuid4()}",
        "actor": {"id": earned.due.user_id, "type": "User"},
        "context": {
            "channel": "in.ekstep",
            "env": "Course",
            "sid": "",
            "did": "",
            "pdata": {"ver": "1.0", "id": "org.sunbird.learning.platform", "pid": "course-certificate-generator"},
            "cdata": [{"type": "CourseBatch", "id": earned.due.batch_id}],
        },
        "object": {"id": certificate.certificate_id, "type": "Certificate", "rollup": {"l1": earned.batch.course_id}},
        "edata": {"props": ["certificates"], "type": "certificate-issued-svg"},
        "@timestamp": instant(now),
    }


def feed_event(earned: Earned) -> dict[str, object]:
    """The notification in the learner's feed."""
    return {
        "userId": earned.due.user_id,
        "category": "Notification",
        "priority": 1,
        "data": {
            "type": 1,
            "actionData": {
                "actionType": "certificateUpdate",
                "title": earned.course_name,
                "description": "You have earned a certificate! Download it from your profile page.",
                "identifier": earned.batch.course_id,
            },
        },
    }
