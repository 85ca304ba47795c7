-- Statements of calls that may be repeated.

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
