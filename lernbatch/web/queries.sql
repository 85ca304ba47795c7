-- Statements of calls that may be repeated, and of the audit trail.

-- remember_answer
-- Written in the transaction of what it answers; a twin with the same key waits here until that has committed.
INSERT INTO idempotency_key (scope, key, body_hash, answer, created_at)
VALUES (:scope, :key, :body_hash, :answer, :now)
ON CONFLICT DO NOTHING;

-- remembered_answer
SELECT body_hash, answer FROM idempotency_key WHERE scope = :scope AND key = :key;

-- forget_answers
DELETE FROM idempotency_key
 WHERE (scope, key) IN (SELECT scope, key FROM idempotency_key WHERE created_at < :before LIMIT :limit);

-- write_note
INSERT INTO audit (noted_at, what, outcome, who, whom, about, from_address, request_id, times)
VALUES (:now, :what, :outcome, :who, :whom, :about, :from_address, :request_id, :times)
RETURNING audit_id;

-- end_note
-- What the act's own transaction has said stays, whatever went wrong after it.
UPDATE audit SET outcome = :outcome, whom = :whom WHERE audit_id = :audit_id AND outcome = 'begun';

-- notes
-- The newest first.
  SELECT audit_id, noted_at, what, outcome, who, whom, about, from_address, request_id, times
    FROM audit
   WHERE noted_at >= :since
     AND (:who::text IS NULL OR who = :who)
     AND (:whom::text IS NULL OR whom @> ARRAY[:whom::text])
     AND (:what::text IS NULL OR left(what, length(:what)) = :what)
     AND (noted_at, audit_id) < (:before, :before_id::bigint)
ORDER BY noted_at DESC, audit_id DESC
   LIMIT :limit;

-- forget_notes
DELETE FROM audit WHERE audit_id IN (SELECT audit_id FROM audit WHERE noted_at < :before LIMIT :limit);

-- add_counts
-- Keys are sorted, so that two processes that meet do not block each other.
INSERT INTO rate_count AS r (minute, caller_hash, times)
SELECT :minute, k.caller_hash, k.times
  FROM unnest(:caller_hashes::bytea[], :times::integer[]) AS k (caller_hash, times)
    ON CONFLICT (minute, caller_hash) DO UPDATE SET times = r.times + excluded.times;

-- counts
-- Of all processes, the highest first: who is far from a limit need not be known.
SELECT caller_hash, times FROM rate_count WHERE minute = :minute ORDER BY times DESC LIMIT :limit;

-- forget_counts
DELETE FROM rate_count
 WHERE (minute, caller_hash) IN (SELECT minute, caller_hash FROM rate_count WHERE minute < :before LIMIT :limit);
