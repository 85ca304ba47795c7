-- The re-checks of a batch's learners: until now rows of certificate_due without a learner.

CREATE TABLE template_recheck (
  batch_id text        PRIMARY KEY,
  due_at   timestamptz NOT NULL,
  reason   text        NOT NULL
);
CREATE INDEX template_recheck_next ON template_recheck (due_at); -- certificate.rechecks_due

INSERT INTO template_recheck (batch_id, due_at, reason)
SELECT batch_id, due_at, reason FROM certificate_due WHERE user_id = '';

DELETE FROM certificate_due WHERE user_id = '';
