-- Batches of whose people some profiles are to be read, because a summary by place was asked for.

CREATE TABLE people_due (
  batch_id      text        PRIMARY KEY,
  asked_at      timestamptz NOT NULL,
  after_user_id text        NOT NULL
);
