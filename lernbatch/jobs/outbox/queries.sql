-- Statements about the outbox.

-- insert_events
-- Written in the transaction that the events report, in their order: event_id follows it.
INSERT INTO outbox (destination, topic, key, payload, created_at, due_at)
  SELECT destination, topic, key, payload, :now, :now
    FROM unnest(:destinations::text[], :topics::text[], :keys::text[], :payloads::jsonb[])
         WITH ORDINALITY AS told (destination, topic, key, payload, place)
ORDER BY place;

-- due_events
-- In the order they were written; a key whose earlier event waits for its next try waits with it.
  SELECT event_id, destination, topic, key, payload, attempts
    FROM outbox
   WHERE NOT parked
     AND due_at <= :now
     AND NOT EXISTS (SELECT FROM outbox earlier
                      WHERE earlier.destination = outbox.destination
                        AND earlier.key = outbox.key
                        AND earlier.event_id < outbox.event_id
                        AND earlier.due_at > :now
                        AND NOT earlier.parked)
ORDER BY event_id
   LIMIT :limit;

-- delete_events
DELETE FROM outbox WHERE event_id = ANY(:event_ids::bigint[]);

-- postpone_events
UPDATE outbox
   SET attempts = postponed.attempts, due_at = postponed.due_at, error = postponed.error, parked = postponed.parked
  FROM unnest(:event_ids::bigint[], :attempts::smallint[], :due_at::timestamptz[], :errors::text[], :parked::boolean[])
       AS postponed (event_id, attempts, due_at, error, parked)
 WHERE outbox.event_id = postponed.event_id;

-- replay_parked
UPDATE outbox
   SET parked = false, attempts = 0, due_at = :now
 WHERE parked
   AND (:destination::text IS NULL OR destination = :destination);
