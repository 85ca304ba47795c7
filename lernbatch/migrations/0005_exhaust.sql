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
