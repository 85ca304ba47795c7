"""Settings: one frozen object, made once at start and passed on. The environment's variables are in environment.py."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

LEAST_TOKEN_CHARACTERS = 16  # of a service token that stands beside another one


def _zone(value: object) -> object:
    if isinstance(value, str):
        try:
            return ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError) as unknown:
            raise ValueError(f"there is no time zone {value!r}") from unknown
    return value


def _words(value: object) -> object:
    return tuple(word.strip() for word in value.split(",") if word.strip()) if isinstance(value, str) else value


def _networks(value: object) -> object:
    return tuple(ip_network(word) for word in words) if isinstance(words := _words(value), tuple) else value


LOOPBACK = ("127.0.0.1", "::1", "localhost")

Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Words = Annotated[tuple[str, ...], BeforeValidator(_words)]
Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], BeforeValidator(_networks)]


class Config(BaseModel):
    """All settings with their defaults; units are in the names."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    # where things are
    home: Path = Path(".lernbatch")  # data, keys and files of the embedded default
    database_url: SecretStr | None = None  # a PostgreSQL of yours; none: the embedded one under `home`
    reports_database_url: SecretStr | None = None  # of its standbys, for exhausts and the console; none: the same one
    reports_lag_seconds: float = Field(30, ge=0)  # so far behind a standby may be; else the primary is read
    pg_bin: Path | None = None  # other PostgreSQL programs for the embedded server
    pg_port: int | None = None  # a fixed port for the embedded server; none: one that is free
    pool_size: int = Field(10, ge=1, le=200)  # database connections a process
    statement_timeout_seconds: float = Field(20, gt=0)
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    operators_port: int | None = Field(None, ge=0, le=65535)  # the only one with /metrics, /openapi.json and /docs
    public_url: str = "http://127.0.0.1:8000"  # how browsers reach us: links in certificates and mails
    file_store: str | None = None  # where exhausts go: a folder or an s3://, az://, gs:// URL; none: home/files

    # time
    time_zone: Zone = ZoneInfo("Asia/Kolkata")  # whose days batches live in
    enrolment_closes_days_before_end: int = Field(1, ge=0, le=1)  # of a batch without an end of enrolment; 0: with it
    search_without_filters: bool = False  # read a search without filters as one with none, instead of refusing it
    iso_dates: bool = False  # answer batch dates as ISO instants, as lern-service does

    # who may ask
    authentication_enabled: bool = True
    public_key_folder: Path | None = None  # one PEM a file, named by key id; none: the local key under `home`
    sandbox: bool = False  # an installation that others reach may work with the sandbox's identity keys
    key_reload_seconds: float = 30
    sso_url: str = "http://localhost/auth/"
    sso_realm: str = "sunbird"
    federation_provider_id: str = ""
    token_cache_size: int = Field(50_000, ge=0)
    token_audiences: Words = ()  # of which a token must name one in `aud`; none: not checked
    token_clients: Words = ()  # of which `azp` must be one; none: not checked
    managed_token_issuer_required: bool = False  # the platform signs managed users' tokens without an issuer
    late_token_days: int = Field(30, ge=0)  # so long after its end a token still reports what was done before it
    private_networks: Networks = (ip_network("127.0.0.0/8"), ip_network("::1/128"))  # may call /private/…
    private_hosts: Words = ()  # names under which they do so, beside loopback, addresses and names without a dot
    trusted_proxies: Networks = ()  # whose X-Forwarded-For says where a request comes from
    machine_clients: SecretStr = SecretStr("")  # `id=key, id=key`: systems that call without a user
    service_token: SecretStr | None = None  # header X-Service-Token that opens /private/… from elsewhere
    roles_enforced: Literal["everywhere", "gateway", "nowhere"] = "everywhere"  # the gateway's rules of roles
    gateway_denial_plain: bool = False  # refusals for want of a role are plain text on the gateway's paths, as its own
    subject_enforced: bool = True  # on the gateway's paths a call about oneself may not name somebody else
    ownership_enforced: bool = True  # what belongs to a batch needs its creator, a mentor or an administrator
    enrol_across_organisations: bool = False  # people of any organisation may be brought into a batch
    self_enrol_invite_only: bool = False  # learners may enrol themselves into invite-only batches, as 8.1 lets them
    administrator_roles: Words = ("ORG_ADMIN", "SYSTEM_ADMINISTRATION")  # each for the organisations it is held in
    operator_roles: Words = ("SYSTEM_ADMINISTRATION",)  # who sees the console's pages of operation
    report_roles: Words = ("REPORT_ADMIN",)  # who has their organisations' exhausts, and may do nothing else

    # the console
    oidc_issuer: str = ""  # of the provider where people sign in; none: that of sso_url and sso_realm
    oidc_client_id: str = ""  # ours there; none: nobody signs in by a provider
    oidc_client_secret: SecretStr = SecretStr("")  # none: a public client
    oidc_scopes: Words = ("openid", "profile")
    demo_sign_in: bool = False  # anybody may be any of the bundled people, also where not only this machine reaches us
    sign_ins_per_minute: int = Field(10, ge=1)  # of one address

    # bounds
    anonymous_calls_per_minute: int = Field(1200, ge=0)  # of one address from outside; 0: as many as it likes
    dear_calls_per_minute: int = Field(120, ge=0)  # of one person or system: files, reports, previews; 0: as above
    max_body_bytes: int = Field(1024 * 1024, ge=1)  # of a request that is no file
    max_file_bytes: int = Field(50 * 1024 * 1024, ge=1)  # of files, and of lists of up to bulk_row_limit people
    bodies_at_once_bytes: int = Field(64 * 1024 * 1024, ge=1)  # of all requests of a process that is held
    max_header_bytes: int = Field(64 * 1024, ge=1024)  # of a request's path and headers
    header_seconds: float = Field(10, gt=0)  # in which path and headers must arrive
    body_seconds: float = Field(60, gt=0)  # in which the body must arrive, and an answer be taken further
    change_wait_seconds: float = Field(15, gt=0)  # for earlier changes of the same batch; then 409
    pool_wait_seconds: float = Field(2, gt=0)  # for a database connection; then 503
    enrolment_list_size: int = Field(1000, ge=1)
    bulk_row_limit: int = Field(100_000, ge=1)
    file_wait_seconds: float = Field(20, gt=0)  # how long a large file waits until those before it are read
    bulk_days: int = Field(90, ge=1)  # for which files of people and roster changes are kept after they are done
    attempts_limit: int = Field(25, ge=1)
    max_contents_per_update: int = Field(1000, ge=1)
    search_seconds: float = Field(5, gt=0)  # for a search with all its statements
    participants_limit: int = Field(100_000, ge=1)  # ids in one answer; the count is of all
    smallest_group: int = Field(
        5, ge=1
    )  # learners at a place that a summary names to those who do not manage the batch

    # progress
    coalescing_enabled: bool = True  # one flush writes what waits, instead of one transaction a request
    late_state_grace_days: int = Field(7, ge=0)
    course_policy: Literal["adopt", "keep"] = "adopt"  # what a running batch does when its course is republished
    course_refresh_seconds: float = 3600

    # the other services; none: the bundled sandbox answers in-process
    content_url: str | None = None
    content_read_path: str = "/content/v3/read/"
    content_update_path: str = "/content/v4/system/update/"
    hierarchy_path: str = "/content/v3/hierarchy/"
    search_url: str | None = None
    search_path: str = "/v3/search"
    composite_search_url: str | None = None
    composite_search_path: str = "/composite/v1/search"
    content_create_path: str = "/content/v3/create"
    content_copy_path: str = "/content/v3/copy/"
    hierarchy_update_path: str = "/content/v3/hierarchy/update"
    questionset_url: str | None = None
    questionset_read_path: str = "/questionset/v2/read/"
    user_org_url: str | None = None
    user_read_path: str = "/private/user/v1/read"
    user_list_path: str = ""  # reads many people in one call, if your user service has such a call; else one by one
    org_search_path: str = "/v1/org/search"
    consent_path: str = "/v1/user/consent/read"
    group_read_path: str = "/private/v1/group/read/"
    consent_list_path: str = ""  # likewise for consents
    email_path: str = "/v1/notification/email"
    notification_path: str = "/v2/notification"
    feed_path: str = "/private/user/feed/v1/create"
    group_url: str | None = None
    certificate_service_url: str | None = None
    template_read_path: str = "/asset/v4/read"
    certificate_template_read_path: str = "/cert/v1/template/read"
    platform_api_key: SecretStr = SecretStr("")
    content_api_key: SecretStr = SecretStr("")
    picture_hosts: Words = ()  # from which pictures may be fetched, also inside your network; assets' also public ones
    upstream_connect_seconds: float = Field(3, gt=0)
    upstream_timeout_seconds: float = Field(10, gt=0)  # for one attempt as a whole
    upstream_connections: int = Field(20, ge=1)  # to each service
    upstream_max_bytes: int = Field(32 * 1024 * 1024, ge=1)  # of one answer
    upstream_failures: int = Field(5, ge=1)  # in a row; then a service is left alone for upstream_breaker_seconds
    upstream_breaker_seconds: float = Field(5, gt=0)
    upstream_attempts: int = Field(3, ge=1, le=10)  # of calls that may be repeated
    upstream_calls_per_request: int = Field(1000, ge=1)  # repetitions too; jobs have no such bound

    # what is told to others
    telemetry: Literal["log", "kafka", "nowhere"] = "nowhere"
    kafka_servers: Words = ()
    telemetry_pdata_id: str = "local.sunbird.learning.service"  # the producer's id, where no X-App-Id names one
    kafka_tls: bool = False
    kafka_ca_file: Path | None = None  # PEM of who signed the brokers' certificates; none: the system's
    kafka_certificate_file: Path | None = None  # PEM of ours, with kafka_key_file
    kafka_key_file: Path | None = None
    kafka_sasl_mechanism: Literal["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = ""
    kafka_sasl_user: str = ""
    kafka_sasl_password: SecretStr = SecretStr("")
    kafka_cleartext_allowed: bool = False  # without TLS to brokers on other machines
    kafka_max_event_bytes: int = Field(1_000_000, ge=1024)  # what brokers take; a larger event is parked
    topic_telemetry: str = "local.telemetry.raw"
    topic_certificate: str = "local.issue.certificate.request"
    topic_instruction: str = "local.coursebatch.job.request"
    topic_assessment: str = "local.telemetry.assess"
    topic_assessment_failed: str = "local.telemetry.assess.failed"
    topic_enrolment_sync: str = "local.batch.enrolment.sync.request"
    topic_invalid_state: str = "local.contentstate.invalid"
    kafka_listening: bool = False  # to the four topics that follow
    kafka_group: str = "local-lernbatch"  # whose members share what is heard
    topic_account_merge: str = "local.lms.user.account.merge"  # empty: not listened to, as of the three that follow
    topic_account_deletion: str = "local.delete.user"
    topic_ownership_transfer: str = "local.user.ownership.transfer"
    topic_publication: str = "local.content.postpublish.request"
    webhooks_enabled: bool = False  # organisations may have addresses told what happens in their batches
    webhook_hosts: Words = ()  # that may be inside the network, and without TLS; with or without a port
    webhook_timeout_seconds: float = Field(10, gt=0, le=60)
    webhook_log_days: int = Field(30, ge=7)  # a message is tried for almost four days
    mail_enabled: bool = False
    mail_signature: str = ""
    web_url: str = ""
    default_channel: str = "ORG_001"

    # answers
    cloud_store_placeholder: str = "CLOUD_BASE_PATH"
    cloud_store_cname_url: str = ""
    cloud_store_base_url: str = ""
    cloud_store_container: str = ""
    csv_formulas_neutralised: bool = True  # an apostrophe before what a spreadsheet would compute; never a number
    gzip_enabled: bool = False
    gzip_threshold_bytes: int = 262_144
    health_gate_enabled: bool = False  # after an unhealthy /health refuse everything, as the reference does
    drain_seconds: float = Field(0, ge=0)  # between SIGTERM (/readyz fails) and the end of taking requests

    # exhausts
    exhaust_link_minutes: int = Field(30, ge=1)
    exhaust_key: SecretStr = SecretStr("")  # base64 of 32 bytes, or `1:…, 2:…`: seals, signs links; none: home/keys
    exhaust_roles: Words = (
        "ORG_ADMIN",
        "REPORT_ADMIN",
        "CONTENT_CREATOR",
        "COURSE_MENTOR",
        "PROGRAM_MANAGER",
        "PROGRAM_DESIGNER",
    )  # who may ask for reports at all
    exhaust_consumers: Words = ()  # `consumer:channel` that may ask without a user, on the analytics paths
    exhaust_levels: Words = ()  # `dataset=LEVEL`; PASSWORD_PROTECTED_DATASET where not named
    exhaust_strong_zip: bool = False  # AES-256 instead of the old encryption, which every desktop opens and is broken
    exhaust_key_characters: int = Field(8, ge=1)  # the least that a key of a file has
    exhaust_public_key: Path | None = None  # PEM, for PUBLIC_KEY_ENCRYPTED_DATASET
    exhaust_csv_format: Literal["csv", "csv-rfc4180", "csv-excel"] = "csv"  # what `csv`, or no outputFormat, means
    exhaust_progress_as_before: bool = False  # percent of all contents, optional ones too, as the reference divides
    exhaust_assessment_categories: Words = ()  # of question sets with a score column; none: all
    exhaust_account_status: bool = False  # the column Status of user info, which 7.0 added
    exhaust_profile_hours: float = Field(24, ge=0)  # how old a person's profile in a report may be
    exhaust_consent_minutes: float = Field(5, ge=0)  # how old what we know of a consent may be
    exhaust_consents_per_run: int = Field(1000, ge=1)  # checked again each minute while files rest on them
    exhaust_batches_per_lease: int = Field(20, ge=1)  # then another organisation's request is next
    exhaust_rows_per_second: int = Field(0, ge=0)  # of one worker; 0: as fast as it goes
    custodian_org: str = ""  # the organisation of people without one: nobody's data is shared with it
    exhaust_batches_per_request: int = Field(20, ge=1)  # that are named; those of a search are not counted
    exhaust_courses_per_search: int = Field(1000, ge=1)  # of a searchFilter
    exhaust_attempts: int = Field(3, ge=1)
    exhaust_retention_days: int = Field(30, ge=1)
    exhaust_personal_retention_days: int = Field(7, ge=1)
    exhaust_encryption_salt: SecretStr = SecretStr("")

    # certificates
    certificate_key_folder: Path | None = (
        None  # Ed25519 keys key-1.pem, key-2.pem …; none: made in home/keys/certificates
    )
    certificate_font_folder: Path | None = None  # fonts for scripts that the bundled ones lack
    certificate_issuer_name: str = "Lernbatch"  # who vouches where no single organisation does
    certificate_issuer: Literal["organisation", "installation"] = (
        "organisation"  # whose name certificates are signed in
    )
    certificate_templates: Words = ()  # `organisation:template` that who does not administer may attach; none: any
    certificate_qr: Literal["URL", "URL-W3C-VC", "W3C-VC"] = "URL"  # a link, the link with the credential, that alone
    certificate_set_size: int = Field(500, ge=1, le=5000)  # learners evaluated at once
    certificate_attempts: int = Field(12, ge=1)  # tries of one that fails, with growing pauses, before it is parked
    certificate_drawing_seconds: float = Field(20, gt=0)  # how long a request waits for its picture
    certificate_feed_enabled: bool = True  # publish to learners' feeds
    platform_name: str = "Sunbird"  # the app's name in messages

    # moving over from a running Sunbird
    takeover: Literal["off", "copy", "shadow"] = "off"  # copy and shadow: nothing leaves, nothing is signed
    sunbird_user: str = ""  # of the Cassandra or YugabyteDB that is moved from
    sunbird_password: SecretStr = SecretStr("")
    sunbird_ca_file: Path | None = None  # PEM of who signed its certificate; with it the connection is encrypted
    shadow_key: SecretStr | None = Field(None, min_length=32)  # which the shadow proxy signs with

    # jobs
    jobs_enabled: bool = True  # `serve` also works on jobs
    reports_apart: bool = True  # `serve` with several workers makes reports in one process more, which answers nobody
    reports_niceness: int = Field(10, ge=0, le=19)  # of that process: how far it steps back before those that answer
    status_seconds: float = Field(60, gt=0)  # how often batches whose status is due are looked for, midnights included
    lease_seconds: float = Field(60, gt=0)

    # what is kept for how long, beside bulk_days and those of exhausts
    audit_days: int = Field(365, ge=1)  # of the audit trail
    parked_event_days: int = Field(90, ge=1)  # of events and messages that were given up
    answer_days: int = Field(0, ge=0)  # of answers in attempts, whose scores stay; 0: for ever
    states_as_text: bool = True  # of progress; false while processes of 0.2.0 are beside us, which read jsonb
    access_log: bool = True  # a line at info for every request but those of monitors
    otlp_endpoint: str = ""  # of a collector, to which spans go; none: there are none
    trace_ratio: float = Field(1.0, ge=0, le=1)  # of traces that begin here and are recorded
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @property
    def uses_sandbox(self) -> bool:
        """Whether the bundled sandbox answers for any of the other services, because no URL names one."""
        return None in (
            self.content_url,
            self.search_url,
            self.questionset_url,
            self.user_org_url,
            self.group_url,
            self.certificate_service_url,
        )

    @property
    def exposure(self) -> str:
        """What says that others than who sits at this machine use this installation; "": nothing does."""
        if self.database_url is not None:
            return "LERNBATCH_DATABASE_URL names a database of its own"
        if self.host not in LOOPBACK:
            return f"it listens on {self.host}"
        host = urlsplit(self.public_url).hostname
        return "" if host in LOOPBACK else f"LERNBATCH_PUBLIC_URL is {self.public_url}"

    @property
    def is_muted(self) -> bool:
        """Whether the platform must not notice us, because another service still is the one that answers (M29, M55)."""
        return self.takeover != "off"

    @property
    def base_url(self) -> str:
        """What paths are put behind: `public_url` without a slash at its end."""
        return self.public_url.rstrip("/")

    @property
    def cloud_store_url(self) -> str:
        """What the placeholder in stored URLs stands for: base and container."""
        base = self.cloud_store_cname_url or self.cloud_store_base_url
        return f"{base.rstrip('/')}/{self.cloud_store_container}" if base else ""

    @property
    def mail_hosts(self) -> frozenset[str]:
        """The hosts that links in mails about certificates may lead to: our own and those of pictures."""
        urls = (self.public_url, self.web_url, self.cloud_store_url)
        return frozenset(filter(None, (*(urlsplit(url).hostname for url in urls), *map(str.lower, self.picture_hosts))))

    @property
    def sign_in_issuer(self) -> str:
        """The provider where people sign in to the console."""
        return (self.oidc_issuer or self.token_issuer).rstrip("/")

    @property
    def service_tokens(self) -> tuple[str, ...]:
        """What opens /private/…: one text, or the new and the old one with a comma between, while it is changed."""
        if self.service_token is None:
            return ()
        text = self.service_token.get_secret_value()
        tokens = tuple(token.strip() for token in text.split(","))
        return tokens if all(len(token) >= LEAST_TOKEN_CHARACTERS for token in tokens) else (text,)

    @property
    def token_issuer(self) -> str:
        """The `iss` that tokens must carry."""
        return f"{self.sso_url}realms/{self.sso_realm}"
