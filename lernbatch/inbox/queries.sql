-- Statements of the inbox.

-- save_messages
-- One that was heard before is left out; returns how many are new.
INSERT INTO inbox (digest, kind, topic, partition, position, subject, value, received_at, due_at, error, parked)
SELECT digest, kind, topic, partition, position, subject, value, :now, :now, error, error IS NOT NULL
  FROM unnest(:digests::bytea[], :kinds::text[], :topics::text[], :partitions::integer[], :positions::bigint[],
              :subjects::text[], :values::bytea[], :errors::text[])
       AS heard (digest, kind, topic, partition, position, subject, value, error)
ON CONFLICT (digest) DO NOTHING;

-- due_messages
-- In the order they came; a subject whose earlier message waits for its next try waits with it.
  SELECT message_id, kind, topic, subject, value, attempts
    FROM inbox
   WHERE handled_at IS NULL
     AND NOT parked
     AND due_at <= :now
     AND NOT EXISTS (SELECT FROM inbox earlier
                      WHERE earlier.subject = inbox.subject
                        AND earlier.message_id < inbox.message_id
                        AND earlier.due_at > :now
                        AND earlier.handled_at IS NULL
                        AND NOT earlier.parked)
ORDER BY message_id
   LIMIT :limit;

-- end_message
-- What it said goes: that it was handled is all that is kept, so that it is not done again.
UPDATE inbox
   SET handled_at = :now, value = NULL, subject = '', error = NULL
 WHERE message_id = :message_id;

-- postpone_message
UPDATE inbox
   SET attempts = :attempts, due_at = :due_at, error = :error, parked = :parked
 WHERE message_id = :message_id;

-- parked_messages
  SELECT message_id, kind, topic, partition, position, received_at, error
    FROM inbox
   WHERE parked
ORDER BY message_id
   LIMIT :limit;

-- replay_parked
-- One whose text was too large to be kept cannot be.
UPDATE inbox
   SET parked = false, attempts = 0, due_at = :now
 WHERE parked
   AND value IS NOT NULL
   AND (:kind::text IS NULL OR kind = :kind);

-- forget_handled
DELETE FROM inbox
 WHERE message_id IN (SELECT message_id FROM inbox WHERE handled_at < :before LIMIT :limit);

-- forget_parked
DELETE FROM inbox
 WHERE message_id IN (SELECT message_id FROM inbox WHERE parked AND received_at < :before LIMIT :limit);
