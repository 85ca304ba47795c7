-- Webhooks of organisations, and what they are sent.
CREATE TABLE webhook (
  webhook_id      text        PRIMARY KEY,
  organisation_id text        NOT NULL,
  url             text        NOT NULL,
  kinds           text[]      NOT NULL,
  active          boolean     NOT NULL DEFAULT true,
  stopped         text,
  sealed          bytea       NOT NULL,
  second_until    timestamptz,
  created_by      text,
  created_at      timestamptz NOT NULL,
  worked_at       timestamptz,
  failures        smallint    NOT NULL DEFAULT 0,
  resting_until   timestamptz
);

CREATE INDEX webhook_of_organisation ON webhook (organisation_id);

CREATE TABLE webhook_delivery (
  delivery_id  text        PRIMARY KEY,
  webhook_id   text        NOT NULL REFERENCES webhook ON DELETE CASCADE,
  event_id     bigint,
  kind         text        NOT NULL,
  body         text        NOT NULL,
  created_at   timestamptz NOT NULL,
  due_at       timestamptz,
  attempts     smallint    NOT NULL DEFAULT 0,
  status       smallint,
  error        text,
  delivered_at timestamptz,
  UNIQUE (webhook_id, event_id)
);

CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX webhook_delivery_log ON webhook_delivery (webhook_id, created_at);
CREATE INDEX webhook_delivery_old ON webhook_delivery (created_at);
