-- Of a batch that was made with an Idempotency-Key its id is kept; the answer is shown from it.
UPDATE idempotency_key SET answer = answer -> 'batchId' WHERE answer ? 'batchId';

-- The last day of enrolment, which rules.enrolment_end works out: stored, so that search compares a day and knows no rule.
-- enrolment_closes_before is the setting it was worked out with; the job batch.store_enrolment_ends does rows of another
-- setting anew. The rows of before have the default.
ALTER TABLE batch ADD COLUMN enrolment_closes_on date, ADD COLUMN enrolment_closes_before smallint;
UPDATE batch SET enrolment_closes_on = coalesce(enrolment_end_date, end_date - 1), enrolment_closes_before = 1;
CREATE INDEX batch_closing ON batch (enrolment_closes_before);
