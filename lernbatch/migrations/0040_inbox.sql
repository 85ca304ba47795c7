-- What was heard from the platform's topics: one row a message.
CREATE TABLE inbox (
  message_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest      bytea       NOT NULL UNIQUE,
  kind        text        NOT NULL,
  topic       text        NOT NULL,
  partition   integer     NOT NULL,
  position    bigint      NOT NULL,
  subject     text        NOT NULL,
  value       bytea,
  received_at timestamptz NOT NULL,
  due_at      timestamptz NOT NULL,
  attempts    smallint    NOT NULL DEFAULT 0,
  error       text,
  parked      boolean     NOT NULL DEFAULT false,
  handled_at  timestamptz
);

CREATE INDEX inbox_due ON inbox (due_at, message_id) WHERE handled_at IS NULL AND NOT parked;
CREATE INDEX inbox_of_subject ON inbox (subject, message_id) WHERE handled_at IS NULL AND NOT parked;
CREATE INDEX inbox_parked ON inbox (received_at) WHERE parked;
CREATE INDEX inbox_handled ON inbox (handled_at) WHERE handled_at IS NOT NULL;
