-- Batches, courses, enrolments and attempts; the outbox and the jobs.

CREATE TABLE course (
  course_id   text        NOT NULL,
  version     text        NOT NULL,
  name        text        NOT NULL,
  status      text        NOT NULL,
  channel     text        NOT NULL DEFAULT '',
  content     jsonb       NOT NULL,
  tree        jsonb       NOT NULL,
  fetched_at  timestamptz NOT NULL,
  PRIMARY KEY (course_id, version)
);

CREATE TABLE batch (
  batch_id             text        PRIMARY KEY,
  course_id            text        NOT NULL,
  course_version       text,
  name                 text        NOT NULL,
  description          text,
  enrolment_type       text        NOT NULL,
  created_by           text,
  created_for          text[]      NOT NULL DEFAULT '{}',
  mentors              text[]      NOT NULL DEFAULT '{}',
  start_date           date        NOT NULL,
  end_date             date,
  enrolment_start_date date,
  enrolment_end_date   date,
  time_zone            text,
  capacity             integer,
  leave_policy         text,
  status               smallint    NOT NULL,
  due_on               date,
  templates            jsonb       NOT NULL DEFAULT '{}',
  created_at           timestamptz NOT NULL,
  updated_at           timestamptz,
  revision             bigint      NOT NULL DEFAULT 1,
  CHECK (status IN (0, 1, 2)),
  CHECK (end_date IS NULL OR end_date > start_date),
  CHECK (capacity IS NULL OR capacity > 0),
  CHECK (leave_policy IN ('always', 'until-start', 'never'))
);

CREATE INDEX batch_due ON batch (due_on) WHERE due_on IS NOT NULL;
CREATE INDEX batch_of_course ON batch (course_id, status);

CREATE TABLE enrolment (
  user_id                  text        NOT NULL,
  batch_id                 text        NOT NULL,
  course_id                text        NOT NULL,
  active                   boolean     NOT NULL,
  added_by                 text,
  added_how                text        NOT NULL DEFAULT 'self',
  enrolled_at              timestamptz NOT NULL,
  status                   smallint    NOT NULL DEFAULT 0,
  progress                 integer     NOT NULL DEFAULT 0,
  percentage               smallint    NOT NULL DEFAULT 0,
  completed_at             timestamptz,
  last_read_content_id     text,
  last_read_content_status smallint,
  last_access_at           timestamptz,
  updated_at               timestamptz NOT NULL,
  states                   jsonb       NOT NULL DEFAULT '{}',
  scores                   jsonb       NOT NULL DEFAULT '{}',
  certificates             jsonb       NOT NULL DEFAULT '[]',
  revision                 bigint      NOT NULL DEFAULT 1,
  PRIMARY KEY (user_id, batch_id),
  CHECK (status IN (0, 1, 2)),
  CHECK (percentage BETWEEN 0 AND 100)
) WITH (fillfactor = 70);

CREATE INDEX enrolment_of_batch ON enrolment (batch_id) WHERE active;

CREATE TABLE attempt (
  user_id      text             NOT NULL,
  batch_id     text             NOT NULL,
  content_id   text             NOT NULL,
  attempt_id   text             NOT NULL,
  course_id    text             NOT NULL,
  attempted_ms bigint           NOT NULL,
  score        double precision NOT NULL,
  max_score    double precision NOT NULL,
  questions    jsonb            NOT NULL DEFAULT '[]',
  created_at   timestamptz      NOT NULL,
  updated_at   timestamptz      NOT NULL,
  PRIMARY KEY (user_id, batch_id, content_id, attempt_id)
);

CREATE INDEX attempt_of_batch ON attempt (batch_id);

CREATE TABLE outbox (
  event_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  destination text        NOT NULL,
  topic       text        NOT NULL,
  key         text        NOT NULL,
  payload     jsonb       NOT NULL,
  created_at  timestamptz NOT NULL,
  due_at      timestamptz NOT NULL,
  attempts    smallint    NOT NULL DEFAULT 0,
  error       text,
  parked      boolean     NOT NULL DEFAULT false
);

CREATE INDEX outbox_due ON outbox (due_at, event_id) WHERE NOT parked;
CREATE INDEX outbox_of_key ON outbox (destination, key, event_id) WHERE NOT parked;

CREATE TABLE job (
  kind         text        PRIMARY KEY,
  next_run_at  timestamptz NOT NULL,
  leased_by    text,
  leased_until timestamptz,
  last_run_at  timestamptz,
  last_count   bigint,
  failures     integer     NOT NULL DEFAULT 0,
  last_error   text
);
