-- One row: an account whose tokens count no more, or count again: it was deleted, or merged into another.
CREATE TABLE ended_account (
  user_id    text        PRIMARY KEY,
  is_ended   boolean     NOT NULL,
  changed_at timestamptz NOT NULL
);
CREATE INDEX ended_account_changed ON ended_account (changed_at); -- what is new, every few seconds

INSERT INTO ended_account (user_id, is_ended, changed_at)
SELECT user_id, true, merged_at FROM merged_account;
