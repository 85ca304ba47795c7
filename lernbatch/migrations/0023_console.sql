-- Who is signed in to the console.

CREATE TABLE console_session (
  session_id bytea       PRIMARY KEY,
  user_id    text,
  sealed     bytea       NOT NULL,
  kept       bytea,
  created_at timestamptz NOT NULL,
  used_at    timestamptz NOT NULL,
  ends_at    timestamptz NOT NULL
);

CREATE INDEX console_session_of_user ON console_session (user_id);
CREATE INDEX console_session_age ON console_session (ends_at);
