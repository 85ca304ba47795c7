"""Citus is not needed to see whether it takes a statement, and whether a dead node would stop it for all."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

import asyncpg
import pytest

from lernbatch.database import sql
from lernbatch.database.distribution import DISTRIBUTION, Placement, tables
from lernbatch.database.migrate import PRODUCT
from tests.project import distribution
from tests.project.modules import packages_with_statements

HOT = {
    "enrolment.eligibilities",
    "enrolment.enrol_one",
    "enrolment.enrolments_of",
    "enrolment.re_enrol",
    "enrolment.unenrol",
    "progress.attempts_of",
    "progress.drop_attempts",
    "progress.learners",
    "progress.save",
    "progress.save_attempt",
    "progress.states_of",
}
# What asks every shard, and why it may.
FAN_OUT = {
    "it is about everybody in a batch": (
        "batch.learner_counts",
        "batch.participant_count",
        "batch.participants",
        "batch.participants_of_batches",
        "batch.preview_learners",
        "certificate.certificates_of_batch",
        "certificate.decided_in_batch",
        "certificate.issued_in",
        "certificate.learners_of_batch",
        "certificate.queue_recent_learners",
        "enrolment.seats_left",
        "exhaust.attempted_contents",
        "exhaust.attempts_of_batches",
        "exhaust.close_withdrawn",
        "exhaust.learners_of_batches",
        "exhaust.metric_rows",
        "exhaust.progress_rows",
        "exhaust.response_rows",
        "exhaust.scored_contents",
        "exhaust.summary_rows",
        "exhaust.user_info_rows",
        "figures.certificate_groups",
        "figures.count_batches",
        "figures.enrolments_to_count",
        "figures.learner_count",
        "figures.learners",
        "figures.save_learners",
        "figures.sizes",
        "mentoring.count_contacts",
        "mentoring.contacts_of_learner",
        "mentoring.lately",
        "mentoring.members_of",
        "mentoring.needy",
        "mentoring.never_began",
        "mentoring.states_of",
        "person.sealed_names_in",
        "mentoring.undo_contacts",
        "person.consents_to_fetch",
        "person.learners_without_marks",
        "person.missing_profiles",
        "person.profiles_to_fetch",
        "progress.enrolments_to_follow",
        "progress.enrolments_to_recompute",
        "summary.figures",
        "summary.people_to_place",
    ),
    "who asks has nothing but a certificate's id, or its place in a list": (
        "certificate.certificate_by_id",
        "certificate.holders_of_certificate",
        "certificate.imported_certificate_by_id",
        "certificate.not_active_in_list",
        "certificate.set_imported_status",
        "certificate.set_status",
        "certificate.supersede_imported",
    ),
    "a job that issues finds what was decided of other accounts of the same person": (
        "certificate.add_entries",
        "certificate.decided_before_merge",
        "certificate.supersede_merged",
    ),
    "a merge of two accounts or an erasure is rare": (
        "account.superseded_certificates",
        "account.supersede_duplicates",
        "erasure.erase_adder",
        "erasure.erase_changer",
        "erasure.erase_contacting",
        "erasure.erase_imported_changer",
        "erasure.forget_questions",
    ),
    "a command or a job goes through everybody, a page at a time": (
        "certificate.replace_credentials",
        "certificate.signed_by",
        "exhaust.reseal_imports",
        "exhaust.sealed_imports",
        "mentoring.reseal_notes",
        "mentoring.sealed_notes",
        "person.consents_to_recheck",
        "person.expire_consents",
        "person.reseal_profiles",
        "person.sealed_profiles",
    ),
    "moving over and back, once": (
        "takeover.attempts_since",
        "takeover.delete_imported",
        "takeover.enrolments_since",
        "takeover.indexes_of_empty_tables",
        "takeover.learners_drawn",
        "takeover.learners_of_ours_alone",
        "takeover.losses",
        "takeover.remove_attempts_of",
        "takeover.remove_enrolments",
        "takeover.update_attempts",
        "takeover.update_enrolments",
    ),
}
_TABLE = re.compile(r"^CREATE (?:UNLOGGED )?TABLE ([\w.]+) \((.*?)^\)", re.MULTILINE | re.DOTALL)
_UNIQUE = re.compile(r"^CREATE UNIQUE INDEX \w+ ON ([\w.]+) \(([^)]*)\)", re.MULTILINE)
_KEYS = re.compile(r"(?:PRIMARY KEY|UNIQUE) \(([^)]*)\)|^ *(\w+) [^,]*PRIMARY KEY", re.MULTILINE)
LAST_BEFORE = "0041"  # migrations up to here ran before tables could be distributed
# What an erased learner's row does not take along to its new shard.
ERASED = {"certificate": {"changed_by", "change_reason"}, "imported_certificate": {"changed_by", "change_reason"}}
Rule = Callable[[str], Any]


def statements() -> Iterator[tuple[str, str]]:
    """The name of every statement of the product, and its text as Citus takes it."""
    for package in packages_with_statements():
        if package.startswith("lernbatch."):
            for statement in sql.load(package).statements.values():
                yield f"{package.removeprefix('lernbatch.')}.{statement.name}", sql.sharded(statement.text)


def schema() -> str:
    text = resources.files("lernbatch").joinpath("schema.sql").read_text(encoding="utf-8")
    return re.sub(r"--.*$", "", text, flags=re.MULTILINE)


def wrongly_keyed(text: str) -> list[str]:
    """Distributed tables of a schema with a key that does not begin with the learner, or what a shard cannot check."""
    distributed = tables(Placement.DISTRIBUTED)
    keys = [(name, key or column) for name, body in _TABLE.findall(text) for key, column in _KEYS.findall(body)]
    keys += _UNIQUE.findall(text)
    told = [f"{name} ({key})" for name, key in keys if name in distributed and key.split(",")[0].strip() != "user_id"]
    return told + [
        f"{name}: {word}"
        for name, body in _TABLE.findall(text)
        if name in distributed
        for word in ("REFERENCES", "GENERATED", "nextval")
        if word in body
    ]


@pytest.fixture(scope="module")
def changing(server: str) -> frozenset[str]:
    """Every function of PostgreSQL that may give another result for the same arguments."""

    async def names() -> frozenset[str]:
        conn = await asyncpg.connect(server)
        try:
            rows = await conn.fetch("SELECT DISTINCT proname FROM pg_proc WHERE provolatile <> 'i' AND prokind <> 'p'")
            always = await conn.fetch("SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'i'")
        finally:
            await conn.close()
        return frozenset(row[0] for row in rows) - {row[0] for row in always}

    return asyncio.run(names())


def test_every_table_is_listed() -> None:
    assert set(DISTRIBUTION) == {name for name, _ in _TABLE.findall(schema())} - {PRODUCT.table}


def test_the_keys_of_learners_tables_begin_with_the_learner() -> None:
    assert wrongly_keyed(schema()) == []


def test_a_statement_says_whose_rows_it_is_about_or_is_listed_with_a_reason() -> None:
    listed = [name for names in FAN_OUT.values() for name in names]
    assert sorted(name for name, text in statements() if distribution.asks_all_shards(text)) == sorted(listed)


@pytest.mark.parametrize(
    "rule", [distribution.fetches_whole, distribution.depends_on_functions, distribution.locks_many]
)
def test_no_statement_is_of_a_shape_that_citus_refuses_or_fetches_a_table_for(rule: Rule) -> None:
    assert {name: told for name, text in statements() if (told := rule(text))} == {}


def test_nothing_is_set_to_what_the_nodes_may_reckon_differently(changing: frozenset[str]) -> None:
    assert {name: told for name, text in statements() if (told := distribution.reckons_by_node(text, changing))} == {}


def test_what_learners_do_all_day_touches_one_table_of_one_shard() -> None:
    texts = dict(statements())
    assert texts.keys() >= HOT
    assert {name: told for name in HOT if (told := distribution.broadcasts(texts[name]))} == {}
    assert not any(distribution.asks_all_shards(texts[name]) for name in HOT)


@pytest.mark.parametrize("table", ["attempt", "certificate", "enrolment", "imported_certificate"])
def test_who_is_erased_takes_every_column_along_to_another_shard(table: str) -> None:
    body = dict(_TABLE.findall(schema()))[table]
    columns = set(re.findall(r"^  (\w+) ", body, re.MULTILINE)) - {"PRIMARY", "CHECK", "CONSTRAINT"}
    copied = [
        re.findall(r"\w+", names)
        for name, text in statements()
        if name.startswith("erasure.")
        for names in re.findall(rf"INSERT INTO {table} \(([^)]*)\)", text)
    ]
    assert [set(names) for names in copied] == [columns - ERASED.get(table, set())]


def test_a_migration_alters_one_thing_at_a_time_and_none_that_citus_does_not() -> None:
    later = [migration for migration in PRODUCT.files() if migration.name[:4] > LAST_BEFORE]
    assert [migration.name for migration in later if distribution.alters_badly(migration.text)] == []


@pytest.mark.parametrize(
    "planted",
    [
        "SELECT states FROM enrolment WHERE batch_id = $1",
        "SELECT e.states FROM unnest($1::text[]) AS asked (user_id) JOIN enrolment e ON e.user_id = asked.user_id",
        "SELECT e.states FROM enrolment e JOIN attempt a ON a.user_id = e.user_id WHERE e.user_id = $1",
        "UPDATE enrolment SET active = false WHERE batch_id = $1",
        "DELETE FROM attempt WHERE user_id IN (SELECT user_id FROM ended_account)",
        "SELECT 1 WHERE EXISTS (SELECT FROM certificate WHERE certificate_id = $1)",
        "SELECT e.states FROM enrolment e WHERE e.user_id = ANY(ARRAY(SELECT user_id FROM bulk_person))",
    ],
)
def test_planted_a_statement_that_asks_all_shards_is_seen(planted: str) -> None:
    assert distribution.asks_all_shards(planted)


@pytest.mark.parametrize(
    "sound",
    [
        "SELECT states FROM enrolment WHERE user_id = $1 AND batch_id = $2",
        "SELECT e.states FROM unnest($1::text[]) AS a (u) JOIN enrolment e ON e.user_id = a.u AND e.user_id = ANY($1)",
        "INSERT INTO enrolment (user_id, batch_id) VALUES ($1, $2) ON CONFLICT (user_id, batch_id) DO NOTHING",
        "SELECT name FROM batch WHERE batch_id = $1",
    ],
)
def test_a_statement_of_some_learners_is_sound(sound: str) -> None:
    assert not distribution.asks_all_shards(sound)


@pytest.mark.parametrize(
    ("rule", "planted"),
    [
        (
            distribution.fetches_whole,
            "SELECT count(e.user_id) FROM batch b LEFT JOIN enrolment e ON e.batch_id = b.batch_id",
        ),
        (
            distribution.fetches_whole,
            "SELECT e.status FROM unnest($1::text[]) AS a (u) FULL JOIN enrolment e ON e.user_id = a.u",
        ),
        (
            distribution.depends_on_functions,
            "SELECT (SELECT count(*) FROM enrolment e WHERE e.batch_id = a.b) FROM unnest($1::text[]) AS a (b)",
        ),
        (
            distribution.depends_on_functions,
            "SELECT e.n FROM unnest($1::text[]) AS a (u) CROSS JOIN LATERAL "
            "(SELECT 1 AS n FROM enrolment WHERE user_id = a.u LIMIT 1) e",
        ),
        (distribution.locks_many, "SELECT states FROM enrolment WHERE user_id = ANY($1) FOR UPDATE"),
        (distribution.locks_many, "SELECT states FROM enrolment WHERE batch_id = $1 FOR SHARE"),
        (distribution.broadcasts, "INSERT INTO enrolment (user_id) SELECT u FROM unnest($1::text[]) AS a (u)"),
        (
            distribution.broadcasts,
            "WITH saved AS (UPDATE enrolment SET status = 1 WHERE user_id = $1 RETURNING user_id) "
            "INSERT INTO outbox (key) SELECT user_id FROM saved",
        ),
        (
            lambda text: distribution.reckons_by_node(text, {"jsonb_build_object"}),
            "UPDATE certificate SET decision = jsonb_build_object('rule', decision -> 'rule') WHERE user_id = $1",
        ),
        (
            lambda text: distribution.reckons_by_node(text, {"now"}),
            "INSERT INTO profile (user_id) VALUES ($1) ON CONFLICT (user_id) DO UPDATE SET fetched_at = now()",
        ),
        (
            lambda text: distribution.reckons_by_node(text, ()),
            "UPDATE enrolment SET user_id = $2 WHERE user_id = $1",
        ),
        (distribution.alters_badly, "ALTER TABLE enrolment ADD COLUMN a text, ADD COLUMN b text"),
        (distribution.alters_badly, "ALTER TABLE enrolment ALTER COLUMN states SET STORAGE MAIN"),
        (wrongly_keyed, "CREATE TABLE contact (\n  contact_id text PRIMARY KEY\n)"),
        (wrongly_keyed, "CREATE TABLE consent (\n  consumer_id text,\n  PRIMARY KEY (consumer_id, user_id)\n)"),
        (wrongly_keyed, "CREATE TABLE profile (\n  user_id text REFERENCES ended_account\n)"),
        (wrongly_keyed, "CREATE UNIQUE INDEX certificate_by_id ON certificate (certificate_id)"),
    ],
)
def test_planted_what_breaks_a_rule_is_seen(rule: Rule, planted: str) -> None:
    assert rule(planted)
