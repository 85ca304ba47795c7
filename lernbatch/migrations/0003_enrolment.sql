-- Files of people, rosters, republished courses; states as columns for people and analysts.

CREATE TABLE bulk_process (
  process_id  text        PRIMARY KEY,
  kind        text        NOT NULL,
  uploaded_by text,
  uploaded_at timestamptz NOT NULL,
  status      smallint    NOT NULL DEFAULT 0,
  started_at  timestamptz,
  ended_at    timestamptz,
  rows        integer     NOT NULL,
  people      integer     NOT NULL,
  done        integer     NOT NULL DEFAULT 0,
  link_token  text,
  link_until  timestamptz,
  CHECK (kind IN ('batchLearnerEnrol', 'batchLearnerUnenrol')),
  CHECK (status IN (0, 1, 3))
);

CREATE INDEX bulk_process_open ON bulk_process (uploaded_at) WHERE status < 3;

CREATE TABLE bulk_row (
  process_id text    NOT NULL REFERENCES bulk_process ON DELETE CASCADE,
  row_number integer NOT NULL,
  batch_id   text,
  user_ids   text,
  error      text,
  PRIMARY KEY (process_id, row_number)
);

CREATE TABLE bulk_person (
  process_id text    NOT NULL REFERENCES bulk_process ON DELETE CASCADE,
  place      integer NOT NULL,
  row_number integer NOT NULL,
  batch_id   text    NOT NULL,
  user_id    text    NOT NULL,
  outcome    text,
  PRIMARY KEY (process_id, place)
);

CREATE INDEX bulk_person_open ON bulk_person (process_id, place) WHERE outcome IS NULL;

CREATE TABLE roster_change (
  change_id  text        PRIMARY KEY,
  batch_id   text        NOT NULL,
  applied_by text,
  applied_at timestamptz NOT NULL,
  added      text[]      NOT NULL,
  returned   text[]      NOT NULL,
  removed    text[]      NOT NULL,
  undone_at  timestamptz
);

CREATE INDEX roster_change_of_batch ON roster_change (batch_id, applied_at);

CREATE TABLE adoption (
  course_id      text    PRIMARY KEY,
  version        text    NOT NULL,
  after_user_id  text    NOT NULL,
  after_batch_id text    NOT NULL,
  is_done        boolean NOT NULL
);

CREATE TABLE merged_account (
  user_id   text        PRIMARY KEY,
  into_id   text        NOT NULL,
  merged_at timestamptz NOT NULL
);

ALTER TABLE enrolment ALTER COLUMN states SET STORAGE MAIN;
ALTER TABLE enrolment ALTER COLUMN scores SET STORAGE MAIN;
ALTER TABLE enrolment ALTER COLUMN certificates SET STORAGE MAIN;

CREATE VIEW content_state AS
SELECT e.user_id, e.batch_id, e.course_id, state.key AS content_id,
       (state.value ->> 0)::smallint AS status,
       (state.value ->> 1)::integer AS progress,
       (state.value ->> 2)::integer AS views,
       (state.value ->> 3)::integer AS completions,
       to_timestamp((state.value ->> 4)::bigint / 1000.0) AS last_access_at,
       to_timestamp((state.value ->> 5)::bigint / 1000.0) AS last_completed_at,
       to_timestamp((state.value ->> 6)::bigint / 1000.0) AS last_updated_at,
       state.value -> 7 -> 1 AS details
  FROM enrolment e
 CROSS JOIN LATERAL jsonb_each(e.states) AS state;
