"""Where settings come from: the environment's variables, by our name, our old one or the reference's; or a file.

Every setting is read from `LERNBATCH_<NAME>`; where the reference has a variable of the same meaning, its name
works too (contract batches §2.5, enrolment §6). Our own name wins.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import SecretStr, ValidationError

from lernbatch.config import Config
from lernbatch.errors import Unusable

# Settings whose meaning is the same in the reference, and the names it reads them from.
REFERENCE_NAMES: dict[str, tuple[str, ...]] = {
    "time_zone": ("sunbird_time_zone", "sunbird_timezone"),
    "authentication_enabled": ("AuthenticationEnabled",),
    "public_key_folder": ("accesstoken.publickey.basepath", "accesstoken_publickey_basepath"),
    "sso_url": ("sunbird_sso_url",),
    "sso_realm": ("sunbird_sso_realm",),
    "federation_provider_id": ("sunbird_keycloak_user_federation_provider_id",),
    "default_channel": ("sunbird_default_channel",),
    "content_url": ("content_service_base_url",),
    "content_read_path": ("content_read_url",),
    "content_update_path": ("ekstep.content.update.url", "ekstep_content_update_url"),
    "search_url": ("sunbird_search_service_api_base_url",),
    "search_path": ("ekstep_content_search_url",),
    "composite_search_url": ("sunbird_api_mgr_base_url",),
    "composite_search_path": ("sunbird_cs_search_path",),
    "user_org_url": ("sunbird_user_org_api_base_url",),
    "user_read_path": ("sunbird_read_user_api",),
    "org_search_path": ("sunbird_search_organisation_api",),
    "email_path": ("sunbird_send_email_notifictaion_api",),
    "group_url": ("sunbird_group_service_api_base_url",),
    "certificate_service_url": ("sunbird_cert_service_base_url",),
    "template_read_path": ("sunbird_cert_template_url",),
    "certificate_template_read_path": ("sunbird_cert_template_read_url",),
    "platform_api_key": ("sunbird_authorization",),
    "content_api_key": ("ekstep_authorization",),
    "cloud_store_placeholder": ("cloud_store_base_path_placeholder",),
    "cloud_store_cname_url": ("cloud_storage_cname_url",),
    "cloud_store_base_url": ("cloud_storage_base_url",),
    "cloud_store_container": ("sunbird_content_cloud_storage_container",),
    "gzip_enabled": ("sunbird_gzip_enable",),
    "gzip_threshold_bytes": ("sunbird_gzip_size_threshold",),
    "health_gate_enabled": ("sunbird_health_check_enable",),
    "mail_enabled": ("sunbird_course_batch_notification_enabled",),
    "mail_signature": ("sunbird_course_batch_notification_signature",),
    "web_url": ("sunbird_web_url",),
    "enrolment_list_size": ("enrollment_list_size",),
    "bulk_row_limit": ("bulk_upload_batch_data_size",),
    "attempts_limit": ("assessment.attempts.limit", "assessment_attempts_limit"),
    "telemetry_pdata_id": ("telemetry_pdata_id",),
    "kafka_servers": ("kafka_urls",),
    "topic_certificate": ("kafka_topics_certificate_instruction",),
    "topic_instruction": ("kafka_topics_instruction",),
    "topic_assessment": ("kafka_assessment_topic",),
    "topic_enrolment_sync": ("kafka_enrolment_sync_topic",),
    "topic_invalid_state": ("kafka_topics_contentstate_invalid",),
    "certificate_qr": ("QR_TYPE",),
    "platform_name": ("sunbird_instance_name",),
    "otlp_endpoint": ("OTEL_EXPORTER_OTLP_ENDPOINT",),
    "exhaust_encryption_salt": ("sunbird_encryption_key",),
}
# New name → the name in the version before, which works in this one, with a warning, and then goes.
RENAMED: dict[str, str] = {
    "upstream_breaker_seconds": "upstream_rest_seconds",
    "exhaust_batches_per_lease": "exhaust_batches_per_turn",
}
# Settings that may lie in a file, which `LERNBATCH_<NAME>_FILE` names: as containers and systemd hand out secrets.
SECRETS = frozenset(name for name, field in Config.model_fields.items() if "SecretStr" in str(field.annotation))
MOST_SECRET_CHARACTERS = 64 * 1024


def variables(field: str) -> tuple[str, ...]:
    """The variables that supply `field`, of which the first that is set counts: ours, our old one, the reference's."""
    ours = [field, *([f"{field}_file"] if field in SECRETS else []), *([RENAMED[field]] if field in RENAMED else [])]
    return (*(f"LERNBATCH_{name}".upper() for name in ours), *REFERENCE_NAMES.get(field, ()))


def load(**overrides: Any) -> Config:
    """The settings of this process. Raises `Unusable` naming the variable that cannot be read."""
    supplied = {field: _value(field, variable) for field in Config.model_fields if (variable := source(field))}
    try:
        return Config(**supplied | overrides)
    except ValidationError as wrong:
        first = wrong.errors()[0]
        field = str(first["loc"][0])
        named = source(field) or variables(field)[0]
        raise Unusable(f"{named} cannot be used: {first['msg'].removeprefix('Value error, ')}.") from wrong


def _value(field: str, variable: str) -> str:
    """What `variable` supplies: its value, or what stands in the file that it names. Raises: Unusable."""
    value = os.environ[variable]
    if field not in SECRETS or not variable.lower().endswith("_file"):
        return value
    try:
        with open(value, encoding="utf-8") as file:
            secret = file.read(MOST_SECRET_CHARACTERS).strip()
    except (OSError, ValueError) as wrong:
        why = (isinstance(wrong, OSError) and wrong.strerror) or "it is no text in UTF-8"
        raise Unusable(f"{variable} cannot be used: the file {value} cannot be read ({why}).") from wrong
    if not secret:
        raise Unusable(f"{variable} cannot be used: the file {value} is empty.")
    return secret


def source(field: str) -> str | None:
    """The environment variable that supplies `field`, as it is spelled there; None: the default."""
    present = _present()
    return next((present[name.lower()] for name in variables(field) if name.lower() in present), None)


def outdated() -> dict[str, str]:
    """The variables that are set under their old name, and the new name of each."""
    names = {f"LERNBATCH_{old}".upper(): f"LERNBATCH_{new}".upper() for new, old in RENAMED.items()}
    return {old: new for old, new in names.items() if old.lower() in _present()}


def unknown() -> dict[str, str]:
    """The variables of our prefix that are set and name no setting, and the nearest one's; "" where none is near."""
    prefix = "LERNBATCH_"
    ours = [name for field in Config.model_fields for name in variables(field) if name.startswith(prefix)]
    names = [name.removeprefix(prefix) for name in ours]
    strangers = {name.upper() for name in _present().values() if name.upper().startswith(prefix)} - {*ours}
    nearest = {name: get_close_matches(name.removeprefix(prefix), names, n=1) for name in sorted(strangers)}
    return {name: f"{prefix}{near[0]}" if near else "" for name, near in nearest.items()}


def _present() -> dict[str, str]:
    """The variables that are set, an empty one not: their names in small letters, and as they are spelled."""
    return {name.lower(): name for name, value in os.environ.items() if value}


DEFAULT = "default"  # the source of a setting that no variable supplies


@dataclass(frozen=True, slots=True)
class ShownSetting:
    """A setting as an operator may see it; `source`: the variable that supplied it, or `default`."""

    name: str
    value: str
    source: str


def shown(settings: Config) -> list[ShownSetting]:
    """Every setting, secrets masked."""
    values = ((name, getattr(settings, name)) for name in Config.model_fields)
    return [ShownSetting(name, _show(value), source(name) or DEFAULT) for name, value in values]


def _show(value: object) -> str:
    if isinstance(value, SecretStr):
        return "********" if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
