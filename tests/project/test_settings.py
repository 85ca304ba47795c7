"""Settings: each is documented, the reference's names work, and a bad value is one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from lernbatch import environment
from lernbatch.config import Config
from lernbatch.environment import REFERENCE_NAMES
from lernbatch.errors import Unusable

DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
ROWS = [line for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| `LERNBATCH_")]
# Contract batches §1.4 to §2.5 and enrolment §6: the variables whose meaning is the same here.
OF_THE_CONTRACT = """
    content_service_base_url content_read_url ekstep.content.update.url sunbird_search_service_api_base_url
    ekstep_content_search_url sunbird_user_org_api_base_url sunbird_read_user_api sunbird_search_organisation_api
    sunbird_send_email_notifictaion_api sunbird_cert_template_url sunbird_cert_service_base_url
    sunbird_cert_template_read_url sunbird_authorization ekstep_authorization kafka_urls
    kafka_topics_certificate_instruction sunbird_time_zone sunbird_course_batch_notification_enabled
    sunbird_course_batch_notification_signature sunbird_web_url sunbird_health_check_enable enrollment_list_size
    bulk_upload_batch_data_size assessment.attempts.limit kafka_topics_instruction kafka_assessment_topic
    kafka_enrolment_sync_topic kafka_topics_contentstate_invalid sunbird_group_service_api_base_url
    sunbird_api_mgr_base_url sunbird_cs_search_path AuthenticationEnabled accesstoken.publickey.basepath
    sunbird_sso_url sunbird_sso_realm sunbird_keycloak_user_federation_provider_id sunbird_default_channel
    sunbird_gzip_enable sunbird_gzip_size_threshold cloud_store_base_path_placeholder cloud_storage_cname_url
    cloud_storage_base_url sunbird_content_cloud_storage_container sunbird_encryption_key
"""


def row_of(setting: environment.ShownSetting) -> str:
    """How the row of a setting begins: its variable and its default."""
    default = f"`{setting.value}`" if setting.value else ""
    return f"| `LERNBATCH_{setting.name.upper()}` | {default} | "


def test_every_setting_is_documented_with_its_default() -> None:
    wanted = [row_of(setting) for setting in environment.shown(Config.model_construct())]
    assert [start for start in wanted if not any(row.startswith(start) for row in ROWS)] == []


@pytest.mark.parametrize("name", REFERENCE_NAMES)
def test_the_row_of_a_setting_has_its_other_names(name: str) -> None:
    row = next(row for row in ROWS if row.startswith(f"| `LERNBATCH_{name.upper()}` |"))
    assert [other for other in REFERENCE_NAMES[name] if f"`{other}`" not in row] == []


def test_no_setting_is_documented_that_does_not_exist() -> None:
    documented = {row.split("`")[1] for row in ROWS}
    assert documented == {f"LERNBATCH_{name.upper()}" for name in Config.model_fields}


def test_every_secret_that_may_lie_in_a_file_is_named() -> None:
    page = DOCUMENT.read_text(encoding="utf-8")
    assert [name for name in sorted(environment.SECRETS) if f"_{name.upper()}_FILE`" not in page] == []


def test_the_references_names_are_of_settings_and_each_of_one() -> None:
    names = [name for names in REFERENCE_NAMES.values() for name in names]
    assert set(REFERENCE_NAMES) <= set(Config.model_fields)
    assert len(names) == len(set(names))
    assert set(OF_THE_CONTRACT.split()) <= set(names)


def test_the_reference_may_supply_a_value_and_ours_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("sunbird_time_zone", "Asia/Colombo")
    assert str(environment.load().time_zone) == "Asia/Colombo"
    assert environment.source("time_zone") == "sunbird_time_zone"
    monkeypatch.setenv("LERNBATCH_TIME_ZONE", "UTC")
    assert str(environment.load().time_zone) == "UTC"
    assert environment.source("time_zone") == "LERNBATCH_TIME_ZONE"


@pytest.mark.parametrize(("name", "old"), environment.RENAMED.items())
def test_an_old_name_of_a_setting_works_for_one_version_and_is_reported(
    name: str, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, after = f"LERNBATCH_{old.upper()}", f"LERNBATCH_{name.upper()}"
    assert environment.outdated() == {}
    monkeypatch.setenv(before, "7")
    assert (getattr(environment.load(), name), environment.source(name)) == (7, before)
    assert environment.outdated() == {before: after}
    monkeypatch.setenv(after, "9")
    assert (getattr(environment.load(), name), environment.source(name)) == (9, after)


def test_a_name_with_dots_works_as_containers_set_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("accesstoken.publickey.basepath", "/keys")
    assert environment.load().public_key_folder == Path("/keys")
    assert environment.source("public_key_folder") == "accesstoken.publickey.basepath"


@pytest.mark.parametrize("name", Config.model_fields)
def test_a_variable_without_our_prefix_is_nobody_s(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    default, source = environment.load(), environment.source(name)
    for spelled in (name, name.upper()):  # HOME, HOST and PORT are set on many machines
        if name not in REFERENCE_NAMES.get(name, ()):  # of which the letter case does not count
            monkeypatch.setenv(spelled, "7")
    assert (environment.load(), environment.source(name)) == (default, source)


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LERNBATCH_PG_PORT", "")
    assert environment.load().pg_port is None
    assert environment.source("pg_port") is None


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LERNBATCH_TIME_ZONE", "Asia/Nowhere"),
        ("LERNBATCH_PORT", "ninety"),
        ("LERNBATCH_PORT", "70000"),
        ("LERNBATCH_PRIVATE_NETWORKS", "10.0.0.0/33"),
        ("LERNBATCH_TELEMETRY", "perhaps"),
        ("LERNBATCH_LOG_LEVEL", "loud"),
        ("AuthenticationEnabled", "maybe"),
        ("enrollment_list_size", "0"),
    ],
)
def test_a_value_that_cannot_be_used_is_one_sentence_with_its_variable(
    variable: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Unusable) as wrong:
        environment.load()
    assert variable.lower() in str(wrong.value).lower()
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize("name", sorted(environment.SECRETS))
def test_a_secret_may_lie_in_a_file(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret, nearer = "s3cret" * 6, "nearer" * 6  # as long as the longest must be
    file = tmp_path / "secret"
    file.write_text(f"  {secret}\n", encoding="utf-8")
    variable = f"LERNBATCH_{name}_FILE".upper()
    monkeypatch.setenv(variable, str(file))
    assert getattr(environment.load(), name).get_secret_value() == secret
    assert environment.source(name) == variable
    monkeypatch.setenv(variable.removesuffix("_FILE"), nearer)
    assert getattr(environment.load(), name).get_secret_value() == nearer


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_of_a_secret_that_cannot_be_used_is_named(
    content: bytes | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("LERNBATCH_SERVICE_TOKEN_FILE", str(file))
    with pytest.raises(Unusable, match="LERNBATCH_SERVICE_TOKEN_FILE cannot be used: the file ") as wrong:
        environment.load()
    assert str(file) in str(wrong.value)


def test_only_secrets_lie_in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LERNBATCH_PORT_FILE", str(tmp_path))
    assert environment.load().port == 8000


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("LERNBATCH_TRUSTED_PROXY", "LERNBATCH_TRUSTED_PROXIES"),
        ("lernbatch_servce_token", "LERNBATCH_SERVICE_TOKEN"),
        ("LERNBATCH_POOLSIZE", "LERNBATCH_POOL_SIZE"),
        ("LERNBATCH_ZZZ", ""),
    ],
)
def test_a_variable_of_ours_that_nothing_reads_is_reported_with_the_nearest_name(
    variable: str, nearest: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LERNBATCH_PORT", "9")
    monkeypatch.setenv("lernbatch_database_url_file", "x")
    assert environment.unknown() == {}
    monkeypatch.setenv(variable, "x")
    assert environment.unknown() == {variable.upper(): nearest}
