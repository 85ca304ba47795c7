-- Moving over from a running Sunbird: where its rows are staged, what was odd about them, and its certificates.
-- And batches of one day, which the source has: the API still refuses to make them (contract batches §3.1).

ALTER TABLE batch DROP CONSTRAINT batch_check;
ALTER TABLE batch ADD CONSTRAINT batch_check CHECK (end_date IS NULL OR end_date >= start_date);

CREATE TABLE imported_certificate (
  user_id        text        NOT NULL,
  certificate_id text        NOT NULL,
  batch_id       text        NOT NULL,
  course_id      text        NOT NULL,
  name           text        NOT NULL,
  source         text        NOT NULL,
  status         text        NOT NULL,
  issued_at      timestamptz,
  template_id    text,
  token          text        NOT NULL,
  sealed_record  bytea       NOT NULL,
  changed_at     timestamptz,
  changed_by     text,
  change_reason  text,
  change_code    text,
  PRIMARY KEY (user_id, certificate_id),
  CHECK (source IN ('registry', 'certreg', 'entry')),
  CHECK (status IN ('active', 'suspended', 'revoked', 'superseded'))
);

CREATE INDEX imported_certificate_by_id ON imported_certificate (certificate_id);
CREATE INDEX imported_certificate_of_batch ON imported_certificate (batch_id);
CREATE INDEX imported_certificate_changed_by ON imported_certificate (changed_by) WHERE changed_by IS NOT NULL;

CREATE TABLE imported_key (
  key_id text PRIMARY KEY,
  pem    text NOT NULL
);

CREATE SCHEMA takeover;

CREATE TABLE takeover.pass (
  pass_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command      text        NOT NULL,
  sources      text[]      NOT NULL,
  options      jsonb       NOT NULL,
  guessed      jsonb       NOT NULL DEFAULT '[]',
  began_at     timestamptz NOT NULL,
  ended_at     timestamptz,
  counts       jsonb       NOT NULL DEFAULT '{}',
  CHECK (command IN ('copy', 'catch-up', 'verify', 'hand-over'))
);

CREATE TABLE takeover.lease (
  what         text        PRIMARY KEY,
  owner        text        NOT NULL,
  command      text        NOT NULL,
  began_at     timestamptz NOT NULL,
  leased_until timestamptz NOT NULL
);

CREATE TABLE takeover.chunk (
  source       integer     NOT NULL,
  name         text        NOT NULL,
  first        bigint      NOT NULL,
  last         bigint      NOT NULL,
  source_table text        NOT NULL,
  digest       text        NOT NULL,
  rows         bigint      NOT NULL,
  counts       jsonb       NOT NULL,
  PRIMARY KEY (source, name, first, last)
);

CREATE TABLE takeover.stage (
  slice   smallint NOT NULL,
  user_id text     NOT NULL,
  kind    text     NOT NULL,
  body    bytea    NOT NULL
);

CREATE INDEX stage_of_slice ON takeover.stage (slice, user_id);

CREATE TABLE takeover.slice (
  slice  smallint PRIMARY KEY,
  counts jsonb    NOT NULL
);

CREATE TABLE takeover.problem (
  problem_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text   NOT NULL,
  key        text[] NOT NULL,
  said       jsonb  NOT NULL,
  of_batches boolean NOT NULL
);

CREATE INDEX problem_of_kind ON takeover.problem (kind, problem_id);

CREATE TABLE takeover.quarantine (
  row_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         text   NOT NULL,
  source_table text   NOT NULL,
  key          text[] NOT NULL,
  mark         text   NOT NULL,
  sealed_row   bytea  NOT NULL
);

CREATE INDEX quarantine_by_mark ON takeover.quarantine (mark);
