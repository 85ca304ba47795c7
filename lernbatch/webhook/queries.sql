-- Statements about webhooks and what they are sent.

-- insert_webhook
INSERT INTO webhook (webhook_id, organisation_id, url, kinds, sealed, created_by, created_at)
VALUES (:webhook_id, :organisation_id, :url, :kinds, :sealed, :created_by, :now);

-- count_webhooks
SELECT count(*) FROM webhook WHERE organisation_id = :organisation_id;

-- webhooks_of
  SELECT webhook_id, organisation_id, url, kinds, active, stopped, sealed, second_until, created_by, created_at,
         worked_at
    FROM webhook
   WHERE organisation_id = :organisation_id
ORDER BY created_at, webhook_id;

-- webhook
SELECT webhook_id, organisation_id, url, kinds, active, stopped, sealed, second_until, created_by, created_at, worked_at
  FROM webhook
 WHERE webhook_id = :webhook_id;

-- update_webhook
-- One that is switched on begins anew, whatever we have switched it off for.
UPDATE webhook
   SET url = coalesce(:url, url), kinds = coalesce(:kinds::text[], kinds), active = coalesce(:active, active),
       stopped = CASE WHEN :active THEN NULL ELSE stopped END, failures = 0, resting_until = NULL
 WHERE webhook_id = :webhook_id;

-- rotate_secret
UPDATE webhook SET sealed = :sealed, second_until = :second_until WHERE webhook_id = :webhook_id;

-- delete_webhook
DELETE FROM webhook WHERE webhook_id = :webhook_id;

-- queue_deliveries
-- To each webhook of the batch's organisations that is to hear of it. A set that is relayed again adds nothing.
INSERT INTO webhook_delivery (delivery_id, webhook_id, event_id, kind, body, created_at, due_at)
SELECT 'msg_' || replace(gen_random_uuid()::text, '-', ''), webhook.webhook_id, event.event_id, event.kind,
       jsonb_build_object(
         'type', event.kind,
         'timestamp', to_char(to_timestamp((event.payload ->> 'ets')::bigint / 1000.0) AT TIME ZONE 'UTC',
                              'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'data', event.payload -> 'data'
                 || jsonb_build_object('courseId', batch.course_id, 'organisationId', webhook.organisation_id))::text,
       :now, :now
  FROM unnest(:event_ids::bigint[], :kinds::text[], :batch_ids::text[], :payloads::jsonb[])
       AS event (event_id, kind, batch_id, payload)
  JOIN batch ON batch.batch_id = event.batch_id
  JOIN webhook ON webhook.organisation_id = ANY(batch.created_for)
 WHERE webhook.active
   AND (webhook.kinds = '{}' OR event.kind = ANY(webhook.kinds))
ON CONFLICT (webhook_id, event_id) DO NOTHING;

-- due_deliveries
-- Some of each webhook that does not rest, so that one with much to hear keeps no other waiting.
  SELECT due.delivery_id, due.webhook_id, due.body, due.attempts, due.created_at
    FROM webhook
   CROSS JOIN LATERAL (SELECT delivery_id, webhook_id, body, attempts, created_at, due_at
                         FROM webhook_delivery
                        WHERE webhook_delivery.webhook_id = webhook.webhook_id
                          AND due_at <= :now
                     ORDER BY due_at
                        LIMIT :of_each) AS due
   WHERE webhook.active
     AND (webhook.resting_until IS NULL OR webhook.resting_until <= :now)
ORDER BY due.due_at
   LIMIT :limit;

-- insert_test
INSERT INTO webhook_delivery (delivery_id, webhook_id, kind, body, created_at, attempts, status, error, delivered_at)
VALUES (:delivery_id, :webhook_id, :kind, :body, :now, 1, :status, :error, :delivered_at);

-- note_attempt
UPDATE webhook_delivery
   SET attempts = :attempts, status = :status, error = :error, due_at = :due_at, delivered_at = :delivered_at
 WHERE delivery_id = :delivery_id;

-- note_success
UPDATE webhook SET worked_at = :now, failures = 0, resting_until = NULL WHERE webhook_id = :webhook_id;

-- note_failure
-- An address that fails rests for longer and longer: 2 s, 4 s … up to :longest.
UPDATE webhook
   SET failures = least(failures + 1, 32000),
       resting_until = :now::timestamptz + least(make_interval(secs => 2 ^ least(failures + 1, 20)), :longest),
       active = active AND :stopped::text IS NULL,
       stopped = coalesce(:stopped, stopped)
 WHERE webhook_id = :webhook_id;

-- deliveries_of
  SELECT delivery_id, kind, created_at, attempts, status, error, due_at, delivered_at
    FROM webhook_delivery
   WHERE webhook_id = :webhook_id
ORDER BY created_at DESC, delivery_id DESC
   LIMIT :limit;

-- replay_deliveries
-- What was given up; a test is not sent again.
UPDATE webhook_delivery
   SET due_at = :now, attempts = 0, error = NULL
 WHERE webhook_id = :webhook_id
   AND due_at IS NULL
   AND delivered_at IS NULL
   AND event_id IS NOT NULL;

-- forget_deliveries
DELETE FROM webhook_delivery
 WHERE delivery_id IN (SELECT delivery_id FROM webhook_delivery WHERE created_at < :before LIMIT :limit);

-- sealed_secrets
  SELECT webhook_id AS about, sealed
    FROM webhook
   WHERE webhook_id > :after
ORDER BY webhook_id
   LIMIT :limit;

-- reseal_secrets
UPDATE webhook
   SET sealed = renewed.sealed
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS renewed (webhook_id, before, sealed)
 WHERE webhook.webhook_id = renewed.webhook_id
   AND webhook.sealed = renewed.before;
