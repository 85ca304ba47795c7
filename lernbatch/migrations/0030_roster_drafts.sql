-- Rosters that wait for a decision in the console.

CREATE TABLE roster_draft (
  draft_id text        PRIMARY KEY,
  batch_id text        NOT NULL,
  made_by  text        NOT NULL,
  made_at  timestamptz NOT NULL,
  user_ids text[]      NOT NULL,
  sealed   bytea       NOT NULL
);

CREATE INDEX roster_draft_age ON roster_draft (made_at);
