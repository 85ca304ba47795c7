-- Accounts that are being erased, and what finds their traces in rows of others.

CREATE TABLE erasure (
  user_id   text        PRIMARY KEY,
  pseudonym text        NOT NULL,
  asked_at  timestamptz NOT NULL
);

CREATE INDEX enrolment_added_by_other ON enrolment (added_by) WHERE added_by <> user_id;
CREATE INDEX certificate_changed_by ON certificate (changed_by) WHERE changed_by IS NOT NULL;
CREATE INDEX bulk_person_of_user ON bulk_person (user_id);
CREATE INDEX outbox_parked ON outbox (created_at) WHERE parked;
CREATE INDEX attempt_age ON attempt USING brin (updated_at);

-- The job `retention` does what these did; the metrics would go on showing them.
DELETE FROM job WHERE kind IN ('bulk.retention', 'exhaust.forget_expired', 'idempotency.forget');
