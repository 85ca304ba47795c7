-- When somebody left a batch and came back, last: a history tells it. Set from now on.

ALTER TABLE enrolment ADD COLUMN left_at timestamptz;
ALTER TABLE enrolment ADD COLUMN returned_at timestamptz;

-- Whom somebody who helps learners has spoken to, so that nobody is called twice and one sees whether it helped.

CREATE TABLE contact (
  user_id      text        NOT NULL,
  batch_id     text        NOT NULL,
  contact_id   text        NOT NULL,
  how          text        NOT NULL,
  leave_alone  boolean     NOT NULL DEFAULT false,
  sealed       bytea,
  contacted_by text        NOT NULL,
  contacted_at timestamptz NOT NULL,
  undone_at    timestamptz,
  PRIMARY KEY (user_id, batch_id, contact_id),
  CHECK (how IN ('phone', 'message', 'in-person'))
);

CREATE INDEX contact_of_batch ON contact (batch_id, contacted_at);
CREATE INDEX contact_by ON contact (contacted_by);
