"""The tables of a Sunbird, as far as a move is concerned: their columns, keys and types, and how forks call them.

Source: contract migration §2. Types are written as CQL writes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class CqlType:
    """A type of CQL without `frozen`. `arguments`: of a collection. `fields`: of a user-defined type, by name."""

    name: str
    arguments: tuple[CqlType, ...] = ()
    fields: Mapping[str, CqlType] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}<{', '.join(map(str, self.arguments))}>" if self.arguments else self.name


@dataclass(frozen=True, slots=True)
class TableKind:
    """What is known of a table. `columns`: name → type, the key's first."""

    keyspace: str
    key: tuple[str, ...]
    columns: Mapping[str, CqlType]


class BadType(ValueError):
    """A text is no type of CQL."""


_token = re.compile(r'\s*("(?:[^"]|"")*"|[\w.]+|[<>,])')


def cql_type(text: str, user_types: Mapping[str, CqlType] = MappingProxyType({})) -> CqlType:
    """Raises: BadType."""
    tokens = [token.strip('"') if token[0] == '"' else token.lower() for token in _token.findall(text)]
    if "".join(tokens).lower() != re.sub(r'[\s"]', "", text).lower():
        raise BadType(text)
    parsed, rest = _parsed(tokens, user_types)
    if rest:
        raise BadType(text)
    return parsed


def _parsed(tokens: list[str], user_types: Mapping[str, CqlType]) -> tuple[CqlType, list[str]]:
    if not tokens or tokens[0] in "<>,":
        raise BadType("".join(tokens))
    name, rest = tokens[0], tokens[1:]
    arguments: list[CqlType] = []
    if rest[:1] == ["<"]:
        while rest[:1] != [">"]:
            argument, rest = _parsed(rest[1:], user_types)
            arguments.append(argument)
            if rest[:1] not in ([","], [">"]):
                raise BadType("".join(tokens))
        rest = rest[1:]
    if name == "frozen" and len(arguments) == 1:
        return arguments[0], rest
    bare = name.rpartition(".")[2]
    return user_types.get(bare, CqlType(bare, tuple(arguments))), rest


_TEXTS = "list<map<text, text>>"
QUESTION = CqlType(
    "question",
    fields={
        name: cql_type(kind)
        for name, kind in {
            "id": "text",
            "assess_ts": "timestamp",
            "max_score": "double",
            "score": "double",
            "type": "text",
            "title": "text",
            "resvalues": _TEXTS,
            "params": _TEXTS,
            "description": "text",
            "duration": "decimal",
        }.items()
    },
)


def _kind(keyspace: str, key: str, columns: str) -> TableKind:
    """`columns`: a line for each type, which stands before its columns."""
    types = dict.fromkeys(key.split(), cql_type("text"))
    for line in columns.strip().splitlines():
        kind, _, names = line.partition(":")
        types |= dict.fromkeys(names.split(), cql_type(kind.strip(), {"question": QUESTION}))
    return TableKind(keyspace, tuple(key.split()), types)


TABLES: Mapping[str, TableKind] = {
    "course_batch": _kind(
        "sunbird_courses",
        "courseid batchid",
        """
        text: batch_attributes createdby createddate description enddate enrollmentenddate enrollmenttype name
        text: startdate updateddate
        timestamp: created_date end_date enrollment_enddate start_date updated_date
        int: status
        boolean: tandc
        list<text>: createdfor mentors
        map<text, map<text, text>>: cert_templates
        """,
    ),
    "user_enrolments": _kind(
        "sunbird_courses",
        "userid courseid batchid",
        f"""
        text: addedby delta enrolleddate grade lastreadcontentid recent_language
        timestamp: completedon datetime enrolled_date lastcontentaccesstime
        int: certstatus completionpercentage lastreadcontentstatus progress status
        boolean: active
        map<text, int>: contentstatus
        map<text, map<text, int>>: lang_contentstatus
        {_TEXTS}: certificates issued_certificates
        """,
    ),
    "user_content_consumption": _kind(
        "sunbird_courses",
        "userid courseid batchid contentid",
        """
        text: contentversion grade lastaccesstime lastcompletedtime lastupdatedtime progressdetails result score
        timestamp: datetime last_access_time last_completed_time last_updated_time
        int: completedcount progress status viewcount
        double: completionpercentage
        """,
    ),
    "assessment_aggregator": _kind(
        "sunbird_courses",
        "user_id course_id batch_id content_id attempt_id",
        """
        text: grand_total
        timestamp: created_on last_attempted_on updated_on
        double: total_max_score total_score
        list<question>: question
        """,
    ),
    "user_activity_agg": _kind(
        "sunbird_courses",
        "activity_type activity_id user_id context_id",
        """
        map<text, int>: agg
        list<text>: agg_details
        map<text, timestamp>: agg_last_updated
        map<text, double>: aggregates
        """,
    ),
    "user_courses": _kind(
        "sunbird_courses",
        "batchid userid",
        f"""
        text: addedby courseid delta enrolleddate grade lastreadcontentid
        timestamp: completedon datetime
        int: completionpercentage lastreadcontentstatus progress status
        boolean: active
        map<text, int>: contentstatus
        {_TEXTS}: certificates
        """,
    ),
    "content_consumption": _kind(
        "sunbird_courses",
        "userid contentid batchid courseid",
        """
        text: contentversion grade lastaccesstime lastcompletedtime lastupdatedtime result score
        timestamp: datetime
        int: completedcount progress status viewcount
        """,
    ),
    "bulk_upload_process": _kind(
        "sunbird_courses",
        "id",
        """
        text: createdby createdon data failureresult lastupdatedon objecttype organisationid processendtime
        text: processstarttime storagedetails successresult telemetrycontext uploadedby uploadeddate
        timestamp: created_on last_updated_on
        int: retrycount status taskcount
        """,
    ),
    "cert_registry": _kind(
        "sunbird",
        "id",
        """
        text: accesscode createdby data jsonurl pdfurl reason recipient related updatedby
        timestamp: createdat updatedat
        boolean: isrevoked
        """,
    ),
}

# What lies beside the tables: attempts that were archived, requests for reports.
ARCHIVE, JOB_REQUEST, CERTIFICATE, PUBLIC_KEY, BATCH_INDEX = (
    "assessment_archive",
    "job_request",
    "TrainingCertificate",
    "PublicKey",
    "course_batch_index",
)
BESIDE: Mapping[str, TableKind] = {
    ARCHIVE: TABLES["assessment_aggregator"],
    JOB_REQUEST: _kind("", "request_id", "text: job_id requested_by requested_channel status tag"),
}

# Tables that follow from the others, or that only the tools of the source need. Their rows are counted and dropped.
DERIVED = frozenset(
    {
        "assessment_aggregator_temp",
        "cassandra_migration_version",
        "cassandra_migration_version_counts",
        "enrollment_batch_lookup",
        "report_user_enrolments",
    }
)

# What a release step renamed.
RENAMED_COLUMNS = {
    "collectionid": "courseid",
    "contextid": "batchid",
    "collection_id": "course_id",
    "context_id": "batch_id",
}

_TEXT = {"text", "varchar", "ascii", "uuid", "timeuuid"}
_WHOLE = {"tinyint", "smallint", "int", "bigint", "varint", "counter"}
_ACCEPTED = {
    "text": _TEXT,
    "int": _WHOLE,
    "double": {"double", "float", "decimal", *_WHOLE},  # scores were whole numbers once
    "decimal": {"double", "float", "decimal", *_WHOLE},
    "boolean": {"boolean"},
    "timestamp": {"timestamp"},
    "list": {"list", "set"},
    "map": {"map"},
}
_BUILT_IN = {
    *_TEXT,
    *_WHOLE,
    "double",
    "float",
    "decimal",
    "boolean",
    "timestamp",
    "list",
    "set",
    "map",
    "tuple",
    "blob",
}


def accepts(expected: CqlType, actual: CqlType) -> bool:
    """Whether a column that should be `expected` can be read when the source declares it as `actual`."""
    if expected.fields and not actual.fields:  # a type that nobody declared
        return actual.name not in _BUILT_IN
    if expected.fields:
        shared = actual.fields.keys() & expected.fields.keys()
        return bool(shared) and all(accepts(expected.fields[name], actual.fields[name]) for name in shared)
    if actual.name not in _ACCEPTED[expected.name]:
        return False
    return all(accepts(*pair) for pair in zip(expected.arguments, actual.arguments, strict=True))
