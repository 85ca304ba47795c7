-- Statements of exhausts.

-- insert_request
-- Asked for twice on one day is the same request; only a failed one starts again. Whether it asks for the same is told
-- by the fingerprint that is there afterwards.
   INSERT INTO exhaust_request AS known
          (request_id, tag, dataset, requested_by, channel, config, output_format, sealed_key, fingerprint,
           requester_id, organisation_ids, zip_encryption, status, submitted_at, due_at, expires_at)
   VALUES (:request_id, :tag, :dataset, :requested_by, :channel, :config, :output_format, :sealed_key, :fingerprint,
           :requester_id, :organisation_ids, :zip_encryption, 'SUBMITTED', :now, :now, :expires_at)
ON CONFLICT (request_id) DO UPDATE
      SET config = EXCLUDED.config, output_format = EXCLUDED.output_format, sealed_key = EXCLUDED.sealed_key,
          status = 'SUBMITTED', submitted_at = EXCLUDED.submitted_at, due_at = EXCLUDED.due_at,
          expires_at = EXCLUDED.expires_at, iteration = 0, completed_at = NULL, execution_ms = 0, message = NULL,
          deliveries = '[]', rows_total = NULL, rows_done = 0, fingerprint = EXCLUDED.fingerprint,
          requester_id = EXCLUDED.requester_id, organisation_ids = EXCLUDED.organisation_ids,
          zip_encryption = EXCLUDED.zip_encryption, batch_ids = '{}', files_from = NULL
    WHERE known.status = 'FAILED';

-- request_by_id
SELECT request_id, tag, dataset, requested_by, channel, config, output_format, sealed_key, status, iteration,
       submitted_at, completed_at, execution_ms, message, deliveries, rows_total, rows_done, fingerprint,
       requester_id, organisation_ids, batch_ids, zip_encryption
  FROM exhaust_request
 WHERE request_id = :request_id;

-- requests_of_tag
  SELECT request_id, tag, dataset, requested_by, channel, config, output_format, sealed_key, status, iteration,
         submitted_at, completed_at, execution_ms, message, deliveries, rows_total, rows_done, fingerprint,
       requester_id, organisation_ids, batch_ids, zip_encryption
    FROM exhaust_request
   WHERE tag = :tag AND channel = :channel
ORDER BY submitted_at DESC
   LIMIT :limit;

-- requests_of_requester
  SELECT request_id, tag, dataset, requested_by, channel, config, output_format, sealed_key, status, iteration,
         submitted_at, completed_at, execution_ms, message, deliveries, rows_total, rows_done, fingerprint,
         requester_id, organisation_ids, batch_ids, zip_encryption
    FROM exhaust_request
   WHERE requester_id = :requester_id
ORDER BY submitted_at DESC
   LIMIT :limit;

-- requests_matching
  SELECT request_id, tag, dataset, requested_by, channel, config, output_format, sealed_key, status, iteration,
         submitted_at, completed_at, execution_ms, message, deliveries, rows_total, rows_done, fingerprint,
       requester_id, organisation_ids, batch_ids, zip_encryption
    FROM exhaust_request
   WHERE (:dataset::text IS NULL OR dataset = :dataset)
     AND (:channel::text IS NULL OR channel = :channel)
     AND (:status::text IS NULL OR status = :status)
     AND (:submitted_from::timestamptz IS NULL OR submitted_at >= :submitted_from)
     AND (:submitted_before::timestamptz IS NULL OR submitted_at < :submitted_before)
ORDER BY submitted_at DESC
   LIMIT :limit;

-- claim_alone
-- Until the transaction ends. Who claims then sees what others have claimed a moment ago, so that channels take turns.
SELECT pg_advisory_xact_lock(hashtext('lernbatch.claim exhaust'));

-- claim_request
-- The channel that has the fewest requests under way, then the one that waited longest, comes first: a thousand
-- requests of one organisation do not keep another's one waiting. A lease that ran out belongs to a dead worker: that was an attempt.
-- MATERIALIZED: the planner would count a channel's requests once for each one that waits.
WITH busy AS MATERIALIZED (
     SELECT channel, count(*) AS requests
       FROM exhaust_request
      WHERE status = 'PROCESSING' AND leased_until >= :now
   GROUP BY channel
), due AS (
     SELECT r.request_id
       FROM exhaust_request r
  LEFT JOIN busy USING (channel)
  LEFT JOIN exhaust_turn t USING (channel)
      WHERE ((r.status = 'SUBMITTED' AND r.due_at <= :now) OR (r.status = 'PROCESSING' AND r.leased_until < :now))
        AND (:only::text IS NULL OR r.request_id = :only)
   ORDER BY coalesce(busy.requests, 0), t.last_at NULLS FIRST, r.submitted_at, r.request_id
      LIMIT 1
        FOR UPDATE OF r SKIP LOCKED
), claimed AS (
     UPDATE exhaust_request r
        SET status = 'PROCESSING', iteration = r.iteration + (r.status = 'PROCESSING')::int, leased_by = :owner, leased_until = :until, claimed_at = :now
       FROM due
      WHERE r.request_id = due.request_id
  RETURNING r.*
), turn AS (
     INSERT INTO exhaust_turn (channel, last_at)
     SELECT channel, :now FROM claimed
ON CONFLICT (channel) DO UPDATE SET last_at = EXCLUDED.last_at
)
SELECT request_id, tag, dataset, requested_by, channel, config, output_format, sealed_key, status, iteration,
       submitted_at, completed_at, execution_ms, message, deliveries, rows_total, rows_done, fingerprint,
       requester_id, organisation_ids, batch_ids, zip_encryption
  FROM claimed;

-- fail_abandoned
-- Whoever worked on them died, and that was the last attempt: what kills its worker would kill the next one too.
UPDATE exhaust_request
   SET status = 'FAILED', message = :message, iteration = iteration + 1, completed_at = :now,
       leased_by = NULL, leased_until = NULL
 WHERE status = 'PROCESSING' AND leased_until < :now AND iteration + 1 >= :attempts;

-- renew_request
UPDATE exhaust_request
   SET leased_until = :until, rows_done = :rows_done, rows_total = :rows_total
 WHERE request_id = :request_id AND leased_by = :owner;

-- note_batches
UPDATE exhaust_request
   SET batch_ids = :batch_ids
 WHERE request_id = :request_id AND leased_by = :owner;

-- deliver
UPDATE exhaust_request
   SET deliveries = deliveries || :delivery, rows_done = :rows_done, files_from = least(files_from, :begun_at)
 WHERE request_id = :request_id AND leased_by = :owner;

-- finish_request
UPDATE exhaust_request
   SET status = :status, message = :message, iteration = :iteration, due_at = :due_at,
       completed_at = :completed_at, execution_ms = execution_ms + :spent_ms, rows_done = :rows_done,
       rows_total = coalesce(:rows_total, rows_total),
       sealed_key = CASE WHEN :status = 'SUCCESS' THEN NULL ELSE sealed_key END,
       leased_by = NULL, leased_until = NULL
 WHERE request_id = :request_id AND leased_by = :owner;

-- requests_expired
  SELECT request_id, dataset
    FROM exhaust_request
   WHERE expires_at < :now AND status IN ('SUCCESS', 'FAILED', 'SUBMITTED')
ORDER BY expires_at
   LIMIT :limit
     FOR UPDATE SKIP LOCKED;

-- is_delivered
-- A link outlives the file that it was made for when the file is closed.
SELECT EXISTS (SELECT FROM exhaust_request WHERE request_id = :request_id AND deliveries <> '[]');

-- end_requests_with
-- Requests whose files hold somebody, or will: they are over, and so is their time. What a worker still writes of one is
-- written before its lease ends, so the files are deleted after that.
UPDATE exhaust_request
   SET status = 'FAILED', message = :message, completed_at = coalesce(completed_at, :now), deliveries = '[]',
       sealed_key = NULL, expires_at = coalesce(leased_until, :now), leased_by = NULL, leased_until = NULL
 WHERE dataset <> ALL (:counting::text[])
   AND (batch_ids && ARRAY(SELECT DISTINCT batch_id FROM enrolment WHERE user_id = ANY (:user_ids::text[]))
        OR config #> '{filters,userIds}' ?| :user_ids::text[]
        OR config #>> '{filters,addedBy}' = ANY (:user_ids::text[]));

-- consents_in_use
-- The organisations and courses on whose consents files rest that are there.
SELECT DISTINCT r.channel AS consumer_id, b.course_id
  FROM exhaust_request r
  JOIN batch b ON b.batch_id = ANY (r.batch_ids)
 WHERE r.dataset = ANY (:personal::text[]) AND r.deliveries <> '[]';

-- close_withdrawn
-- Finished requests with files that were begun before a consent ended on which they rest.
   UPDATE exhaust_request r
      SET status = 'FAILED', message = :message, deliveries = '[]', sealed_key = NULL
    WHERE r.dataset = ANY (:personal::text[]) AND r.deliveries <> '[]' AND r.status IN ('SUCCESS', 'FAILED')
      AND EXISTS (SELECT
                    FROM batch b
                    JOIN consent c ON c.consumer_id = r.channel AND c.object_id = b.course_id
                     AND c.withdrawn_at >= r.files_from
                    JOIN enrolment e ON e.batch_id = b.batch_id AND e.user_id = c.user_id
                   WHERE b.batch_id = ANY (r.batch_ids))
RETURNING request_id, dataset;

-- sharded close_withdrawn
WITH delivered AS MATERIALIZED (
  SELECT request_id, channel, files_from, unnest(batch_ids) AS batch_id
    FROM exhaust_request
   WHERE dataset = ANY (:personal::text[]) AND deliveries <> '[]' AND status IN ('SUCCESS', 'FAILED')
), withdrawn AS MATERIALIZED (
  SELECT DISTINCT delivered.request_id
    FROM delivered
    JOIN batch b ON b.batch_id = delivered.batch_id
    JOIN consent c ON c.consumer_id = delivered.channel AND c.object_id = b.course_id
     AND c.withdrawn_at >= delivered.files_from
    JOIN enrolment e ON e.batch_id = b.batch_id AND e.user_id = c.user_id
)
   UPDATE exhaust_request r
      SET status = 'FAILED', message = :message, deliveries = '[]', sealed_key = NULL
     FROM withdrawn
    WHERE r.request_id = withdrawn.request_id
RETURNING r.request_id, r.dataset;

-- postpone_expiry
UPDATE exhaust_request SET expires_at = :until WHERE request_id = :request_id;

-- delete_requests
DELETE FROM exhaust_request WHERE request_id = ANY (:request_ids::text[]);

-- fragment batch_columns
batch_id, course_id, course_version, name, created_by, created_for, mentors, start_date, end_date,
       templates <> '{}' AS has_templates

-- batches_by_id
SELECT :{batch_columns}
  FROM batch
 WHERE batch_id = ANY (:batch_ids::text[]);

-- batches_of_courses
  SELECT :{batch_columns}
    FROM batch
   WHERE course_id = ANY (:course_ids::text[])
ORDER BY batch_id;

-- batches_of_channel
-- What a summary tells of when it names no batches. Courses belong to a channel, batches to organisations.
  SELECT :{batch_columns}
    FROM batch
   WHERE (:channel = ANY (created_for) OR course_id IN (SELECT course_id FROM course WHERE channel = :channel))
     AND (:started_from::date IS NULL OR start_date >= :started_from)
     AND (:ended_from::date IS NULL OR end_date IS NULL OR end_date >= :ended_from)
ORDER BY batch_id;

-- learners_of_batches
  SELECT batch_id, count(*) AS row_count
    FROM enrolment
   WHERE batch_id = ANY (:batch_ids::text[]) AND active
GROUP BY batch_id;

-- attempts_of_batches
  SELECT batch_id, count(*) AS row_count
    FROM attempt
   WHERE batch_id = ANY (:batch_ids::text[])
GROUP BY batch_id;

-- attempted_contents
SELECT DISTINCT content_id FROM attempt WHERE batch_id = :batch_id;

-- scored_contents
-- A score column exists only if somebody in the batch has a score.
SELECT DISTINCT jsonb_object_keys(scores) AS content_id
  FROM enrolment
 WHERE batch_id = :batch_id AND active;

-- fragment is_selected
-- The filters that a request may have, of an enrolment e and the learner's profile p; NULL: not given.
(:channel::text IS NULL OR p.root_org_id = :channel)
      AND (:organisation_ids::text[] IS NULL OR p.root_org_id = ANY (:organisation_ids))
      AND (:districts::text[] IS NULL OR p.district = ANY (:districts))
      AND (:blocks::text[] IS NULL OR p.block = ANY (:blocks))
      AND (:statuses::smallint[] IS NULL OR e.status = ANY (:statuses))
      AND (:user_ids::text[] IS NULL OR e.user_id = ANY (:user_ids))
      AND (:added_by::text IS NULL OR e.added_by = :added_by)

-- fragment consent_holds
-- The learner of an enrolment e lets the organisation see their data in the course by the consent c.
c.user_id = e.user_id AND c.consumer_id = :consumer_id AND c.object_id = e.course_id
      AND lower(c.status) = 'active' AND (c.expires_at IS NULL OR c.expires_at > :now)

-- fragment progress_columns
e.user_id, (e.enrolled_at AT TIME ZONE :zone)::date AS enrolled_on,
          (e.completed_at AT TIME ZONE :zone)::date AS completed_on, e.certificates <> '[]' AS has_certificate,
          coalesce(e.states_text, e.states::text) AS states, e.scores

-- progress_rows
   SELECT :{progress_columns}, e.last_read_content_id, CASE WHEN e.last_access_at IS NOT NULL
               THEN (least(e.last_access_at, e.updated_at) AT TIME ZONE :zone)::date END AS last_access_on,
          p.state, p.district, p.org_name, p.school_id, p.school_name, p.block, p.cluster,
          p.user_type, p.user_sub_type, p.board
     FROM enrolment e
LEFT JOIN profile p USING (user_id)
    WHERE e.batch_id = :batch_id AND e.active
      AND :{is_selected}
      AND (:changed_since::timestamptz IS NULL OR e.updated_at >= :changed_since)
 ORDER BY e.user_id;

-- response_rows
-- A row is an attempt with all its questions: a tenth of the rows that the report has. Times as attempts_of_learner.
   SELECT a.user_id, a.content_id, a.attempt_id,
          least(a.attempted_ms, (extract(epoch FROM a.updated_at) * 1000)::bigint) AS attempted_ms, a.questions
     FROM attempt a
     JOIN enrolment e ON e.user_id = a.user_id AND e.batch_id = a.batch_id AND e.active
LEFT JOIN profile p ON p.user_id = a.user_id
    WHERE a.batch_id = :batch_id
      AND :{is_selected}
      AND (:changed_since::timestamptz IS NULL OR a.updated_at >= :changed_since)
 ORDER BY a.user_id, a.content_id, a.attempted_ms, a.attempt_id;

-- user_info_rows
-- Who has not let the organisation see their data is left out here, so that their data never leaves the database.
   SELECT e.user_id, p.sealed, p.status, p.org_name, p.state, p.district, p.block, p.cluster, p.school_id,
          p.school_name, p.user_type, p.user_sub_type, (c.updated_at AT TIME ZONE :zone)::date AS consented_on,
          c.consent_id
     FROM enrolment e
     JOIN consent c ON :{consent_holds}
LEFT JOIN profile p ON p.user_id = e.user_id
    WHERE e.batch_id = :batch_id AND e.active
      AND :{is_selected}
      AND (:changed_since::timestamptz IS NULL OR e.updated_at >= :changed_since)
 ORDER BY e.user_id;

-- summary_rows
-- A batch, or a part of it: by state, or by state and district. Who lives nowhere known is counted under "". Of what
-- differs between learners the most frequent is told.
   SELECT b.batch_id,
          CASE WHEN :by_state THEN coalesce(p.state, '') ELSE '' END AS state,
          CASE WHEN :by_district THEN coalesce(p.district, '') ELSE '' END AS district,
          count(e.user_id) AS enrolled, count(e.completed_at) AS completed,
          count(*) FILTER (WHERE e.certificates <> '[]') AS certified,
          mode() WITHIN GROUP (ORDER BY p.org_name) AS org_name,
          mode() WITHIN GROUP (ORDER BY p.user_type) AS user_type,
          mode() WITHIN GROUP (ORDER BY p.user_sub_type) AS user_sub_type
     FROM batch b
LEFT JOIN enrolment e ON e.batch_id = b.batch_id AND e.active
LEFT JOIN profile p ON p.user_id = e.user_id
    WHERE b.batch_id = ANY (:batch_ids::text[])
      AND (b.batch_id <> ALL (:foreign_ids::text[]) OR p.root_org_id = :channel)
 GROUP BY 1, 2, 3
   HAVING :with_empty OR count(e.user_id) > 0
 ORDER BY 1, 2, 3;

-- sharded summary_rows
-- What every node has, joined to what the shards have, would fetch both tables of learners whole.
WITH learner AS MATERIALIZED (
     SELECT e.batch_id, e.user_id, e.completed_at, e.certificates <> '[]' AS is_certified, p.root_org_id, p.state,
            p.district, p.org_name, p.user_type, p.user_sub_type
       FROM enrolment e
  LEFT JOIN profile p ON p.user_id = e.user_id
      WHERE e.batch_id = ANY (:batch_ids::text[]) AND e.active
)
   SELECT b.batch_id,
          CASE WHEN :by_state THEN coalesce(l.state, '') ELSE '' END AS state,
          CASE WHEN :by_district THEN coalesce(l.district, '') ELSE '' END AS district,
          count(l.user_id) AS enrolled, count(l.completed_at) AS completed,
          count(*) FILTER (WHERE l.is_certified) AS certified,
          mode() WITHIN GROUP (ORDER BY l.org_name) AS org_name,
          mode() WITHIN GROUP (ORDER BY l.user_type) AS user_type,
          mode() WITHIN GROUP (ORDER BY l.user_sub_type) AS user_sub_type
     FROM batch b
LEFT JOIN learner l ON l.batch_id = b.batch_id
    WHERE b.batch_id = ANY (:batch_ids)
      AND (b.batch_id <> ALL (:foreign_ids::text[]) OR l.root_org_id = :channel)
 GROUP BY 1, 2, 3
   HAVING :with_empty OR count(l.user_id) > 0
 ORDER BY 1, 2, 3;

-- metric_rows
-- As progress_rows, with what is sealed of those who let the organisation see it.
   SELECT :{progress_columns}, CASE WHEN c.user_id IS NOT NULL THEN p.sealed END AS sealed,
          p.root_org_id, p.state, p.district, p.org_name, p.school_id, p.school_name, p.block
     FROM enrolment e
LEFT JOIN profile p USING (user_id)
LEFT JOIN consent c ON :{consent_holds}
    WHERE e.batch_id = :batch_id AND e.active
      AND :{is_selected}
      AND (:changed_since::timestamptz IS NULL OR e.updated_at >= :changed_since)
 ORDER BY e.user_id;

-- sealed_keys
  SELECT request_id AS about, sealed_key AS sealed
    FROM exhaust_request
   WHERE request_id > :after AND sealed_key IS NOT NULL
ORDER BY request_id
   LIMIT :limit;

-- reseal_keys
UPDATE exhaust_request r
   SET sealed_key = new.sealed
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS new (about, before, sealed)
 WHERE r.request_id = new.about AND r.sealed_key = new.before;

-- sealed_imports
-- Records of imported certificates, by what binds them (certificate/imported.py); those of erased people are empty.
  SELECT 'imported certificate ' || certificate_id AS about, sealed_record AS sealed
    FROM imported_certificate
   WHERE certificate_id > substr(:after, 22) AND sealed_record <> ''
ORDER BY certificate_id
   LIMIT :limit;

-- reseal_imports
UPDATE imported_certificate AS certificate
   SET sealed_record = new.sealed
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS new (about, before, sealed)
 WHERE certificate.certificate_id = substr(new.about, 22) AND certificate.sealed_record = new.before;

-- sealed_held_rows
-- Rows that a move has held, by what binds them (takeover/quarantine.py).
  SELECT 'takeover quarantine ' || mark AS about, sealed_row AS sealed
    FROM takeover.quarantine
   WHERE mark > substr(:after, 21)
ORDER BY mark
   LIMIT :limit;

-- reseal_held_rows
UPDATE takeover.quarantine AS held
   SET sealed_row = new.sealed
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS new (about, before, sealed)
 WHERE held.mark = substr(new.about, 21) AND held.sealed_row = new.before;
