-- Certificates: who is due to be judged, what was issued, and the pictures' parts.

CREATE TABLE certificate_due (
  user_id   text        NOT NULL,
  batch_id  text        NOT NULL,
  due_at    timestamptz NOT NULL,
  reason    text        NOT NULL,
  re_issue  boolean     NOT NULL DEFAULT false,
  claim     text,
  attempts  smallint    NOT NULL DEFAULT 0,
  error     text,
  parked    boolean     NOT NULL DEFAULT false,
  PRIMARY KEY (user_id, batch_id)
) WITH (fillfactor = 70);

CREATE INDEX certificate_due_next ON certificate_due (due_at) WHERE NOT parked;
CREATE INDEX certificate_due_of_batch ON certificate_due (batch_id);

CREATE SEQUENCE certificate_status_index;

CREATE TABLE certificate (
  user_id        text        NOT NULL,
  batch_id       text        NOT NULL,
  template_id    text        NOT NULL,
  revision       integer     NOT NULL,
  certificate_id text        NOT NULL,
  course_id      text        NOT NULL,
  name           text        NOT NULL,
  status         text        NOT NULL DEFAULT 'active',
  status_index   bigint      NOT NULL,
  credential     jsonb       NOT NULL,
  template       jsonb       NOT NULL,
  decision       jsonb       NOT NULL,
  earned_at      timestamptz NOT NULL,
  issued_at      timestamptz NOT NULL,
  expires_at     timestamptz,
  changed_at     timestamptz NOT NULL,
  changed_by     text,
  change_reason  text,
  PRIMARY KEY (user_id, batch_id, template_id, revision),
  CHECK (status IN ('active', 'suspended', 'revoked', 'superseded'))
);

CREATE INDEX certificate_by_id ON certificate (certificate_id);
CREATE INDEX certificate_of_batch ON certificate (batch_id, issued_at);
CREATE INDEX certificate_not_active ON certificate (status_index) WHERE status <> 'active';

CREATE TABLE certificate_file (
  url        text        PRIMARY KEY,
  media_type text        NOT NULL,
  body       bytea       NOT NULL,
  fetched_at timestamptz NOT NULL
);
