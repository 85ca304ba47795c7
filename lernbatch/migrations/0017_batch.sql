-- Of a batch that was made with an Idempotency-Key its id is kept; the answer is shown from it.
UPDATE idempotency_key SET answer = answer -> 'batchId' WHERE answer ? 'batchId';
