-- The audit trail: who did what to whom, when, from where.

CREATE TABLE audit (
  audit_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  noted_at     timestamptz NOT NULL,
  what         text        NOT NULL,
  outcome      text        NOT NULL,
  who          text,
  whom         text[]      NOT NULL DEFAULT '{}',
  about        text,
  from_address text,
  request_id   text,
  times        integer     NOT NULL DEFAULT 1,
  CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
  CHECK (cardinality(whom) <= 100)
);

CREATE INDEX audit_age ON audit (noted_at);
CREATE INDEX audit_of_who ON audit (who, noted_at);
CREATE INDEX audit_of_whom ON audit USING gin (whom);
