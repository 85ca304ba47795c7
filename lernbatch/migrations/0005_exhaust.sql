-- Exhausts: what was asked for and delivered, and the people that reports speak of.

CREATE TABLE exhaust_request (
  request_id     text        PRIMARY KEY,
  tag            text        NOT NULL,
  dataset        text        NOT NULL,
  requested_by   text        NOT NULL,
  channel        text        NOT NULL,
  config         jsonb       NOT NULL,
  output_format  text        NOT NULL,
  sealed_key     bytea,
  status         text        NOT NULL,
  iteration      integer     NOT NULL DEFAULT 0,
  submitted_at   timestamptz NOT NULL,
  due_at         timestamptz,
  claimed_at     timestamptz,
  completed_at   timestamptz,
  execution_ms   bigint      NOT NULL DEFAULT 0,
  message        text,
  deliveries     jsonb       NOT NULL DEFAULT '[]',
  rows_total     bigint,
  rows_done      bigint      NOT NULL DEFAULT 0,
  leased_by      text,
  leased_until   timestamptz,
  expires_at     timestamptz NOT NULL,
  CHECK (status IN ('SUBMITTED', 'PROCESSING', 'SUCCESS', 'FAILED')),
  CHECK ((status = 'PROCESSING') = (leased_by IS NOT NULL)),
  CHECK ((status IN ('SUCCESS', 'FAILED')) = (completed_at IS NOT NULL))
);

CREATE INDEX exhaust_request_of_tag ON exhaust_request (tag, channel, submitted_at DESC);
CREATE INDEX exhaust_request_unfinished ON exhaust_request (channel, submitted_at)
 WHERE status IN ('SUBMITTED', 'PROCESSING');
CREATE INDEX exhaust_request_expiry ON exhaust_request (expires_at);

CREATE TABLE exhaust_turn (
  channel text        PRIMARY KEY,
  last_at timestamptz NOT NULL
);

CREATE TABLE profile (
  user_id       text        PRIMARY KEY,
  status        smallint,
  root_org_id   text        NOT NULL DEFAULT '',
  org_name      text        NOT NULL DEFAULT '',
  state         text        NOT NULL DEFAULT '',
  district      text        NOT NULL DEFAULT '',
  block         text        NOT NULL DEFAULT '',
  cluster       text        NOT NULL DEFAULT '',
  school_id     text        NOT NULL DEFAULT '',
  school_name   text        NOT NULL DEFAULT '',
  board         text        NOT NULL DEFAULT '',
  user_type     text        NOT NULL DEFAULT '',
  user_sub_type text        NOT NULL DEFAULT '',
  external_id   text        NOT NULL DEFAULT '',
  sealed        bytea,
  fetched_at    timestamptz NOT NULL
);

CREATE TABLE consent (
  user_id     text        NOT NULL,
  consumer_id text        NOT NULL,
  object_id   text        NOT NULL,
  consent_id  text        NOT NULL DEFAULT '',
  status      text,
  updated_at  timestamptz,
  expires_at  timestamptz,
  fetched_at  timestamptz NOT NULL,
  PRIMARY KEY (user_id, consumer_id, object_id)
);

CREATE SCHEMA analyst;

CREATE VIEW analyst.batch AS
SELECT b.batch_id, b.course_id, c.name AS course_name, b.name, b.enrolment_type, b.created_by, b.created_for, b.mentors,
       b.start_date, b.end_date, b.status, b.created_at
  FROM batch b
  LEFT JOIN LATERAL (SELECT name FROM course WHERE course_id = b.course_id ORDER BY fetched_at DESC LIMIT 1) c ON true;

CREATE VIEW analyst.enrolment AS
SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage, completed_at,
       last_read_content_id, last_access_at, jsonb_array_length(certificates) AS certificate_count
  FROM enrolment;

CREATE VIEW analyst.content_state AS
SELECT e.user_id, e.batch_id, s.key AS content_id, (s.value ->> 0)::smallint AS status,
       (s.value ->> 1)::integer AS percentage, (s.value ->> 2)::integer AS views, (s.value ->> 3)::integer AS completions,
       to_timestamp((s.value ->> 4)::bigint / 1000.0) AS last_access_at,
       to_timestamp((s.value ->> 5)::bigint / 1000.0) AS last_completed_at,
       to_timestamp((s.value ->> 6)::bigint / 1000.0) AS last_updated_at
  FROM enrolment e, jsonb_each(e.states) AS s;

CREATE VIEW analyst.score AS
SELECT e.user_id, e.batch_id, s.key AS content_id, (s.value ->> 0)::double precision AS best_score,
       (s.value ->> 1)::double precision AS max_score, (s.value ->> 2)::integer AS attempts
  FROM enrolment e, jsonb_each(e.scores) AS s;

CREATE VIEW analyst.attempt AS
SELECT user_id, batch_id, content_id, attempt_id, to_timestamp(attempted_ms / 1000.0) AS attempted_at, score, max_score
  FROM attempt;

CREATE VIEW analyst.answer AS
SELECT a.user_id, a.batch_id, a.content_id, a.attempt_id, q.value ->> 'id' AS question_id, q.value ->> 'type' AS type,
       q.value ->> 'title' AS title, (q.value ->> 'score')::double precision AS score,
       (q.value ->> 'max_score')::double precision AS max_score,
       (q.value ->> 'duration')::double precision AS duration_seconds
  FROM attempt a, jsonb_array_elements(a.questions) AS q;

CREATE VIEW analyst.learner AS
SELECT user_id, root_org_id, org_name, state, district, block, cluster, school_id, school_name, board, user_type,
       user_sub_type
  FROM profile;
