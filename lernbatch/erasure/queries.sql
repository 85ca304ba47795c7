-- Statements of erasing and of retention. Those of STEPS take an account and the pseudonym that stands for it, at most
-- :limit rows; each finds nothing when it is run again after the last row.

-- ask
-- The accounts that were merged into it are the same person's. Asked for twice it goes on under the first pseudonym.
WITH RECURSIVE account AS (
  SELECT :user_id::text AS user_id
   UNION
  SELECT merged.user_id
    FROM account
    JOIN merged_account AS merged ON merged.into_id = account.user_id
)
   INSERT INTO erasure (user_id, pseudonym, asked_at)
   SELECT user_id, 'erased-' || gen_random_uuid(), :now FROM account
ON CONFLICT (user_id) DO UPDATE SET asked_at = erasure.asked_at
RETURNING user_id;

-- next_due
-- The one that waits longest; a twin takes another.
  SELECT user_id, pseudonym
    FROM erasure
ORDER BY asked_at, user_id
   LIMIT 1
     FOR UPDATE SKIP LOCKED;

-- is_enrolled
SELECT EXISTS (SELECT FROM enrolment WHERE user_id = :user_id);

-- finish
DELETE FROM erasure WHERE user_id = :user_id;

-- waiting_since
SELECT min(asked_at) FROM erasure;

-- fragment states_without_details
-- What the player said is the eighth part of a state, see progress.model.ContentState.
coalesce((SELECT jsonb_object_agg(key, CASE WHEN jsonb_array_length(value) > 7
                                            THEN jsonb_set(value, '{7}', 'null') ELSE value END)
            FROM jsonb_each(coalesce(states_text::jsonb, states)))::text, '{}')

-- erase_enrolments
-- Figures stay; what the player said goes.
UPDATE enrolment
   SET user_id = :pseudonym,
       added_by = CASE WHEN added_by = :user_id THEN :pseudonym ELSE added_by END,
       states_text = :{states_without_details},
       states = NULL,
       revision = revision + 1
 WHERE user_id = :user_id
   AND batch_id IN (SELECT batch_id FROM enrolment WHERE user_id = :user_id LIMIT :limit);

-- sharded erase_enrolments
-- On Citus a row does not change its shard: it is deleted in one and written in the other.
WITH taken AS (
  DELETE FROM enrolment
   WHERE user_id = :user_id
     AND batch_id IN (SELECT batch_id FROM enrolment WHERE user_id = :user_id LIMIT :limit)
  RETURNING *
)
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress,
                       percentage, completed_at, last_read_content_id, last_read_content_status, last_access_at,
                       updated_at, states_text, states, scores, certificates, revision, left_at, returned_at)
SELECT :pseudonym, batch_id, course_id, active, CASE WHEN added_by = :user_id THEN :pseudonym ELSE added_by END,
       added_how, enrolled_at, status, progress, percentage, completed_at, last_read_content_id,
       last_read_content_status, last_access_at, updated_at,
       :{states_without_details},
       NULL, scores, certificates, revision + 1, left_at, returned_at
  FROM taken;

-- erase_adder
-- Of others' enrolments, who added them.
UPDATE enrolment
   SET added_by = :pseudonym
 WHERE (user_id, batch_id) IN (SELECT user_id, batch_id
                                 FROM enrolment
                                WHERE added_by = :user_id AND added_by <> user_id
                                LIMIT :limit);

-- erase_attempts
-- The clients' ids of attempts are often made of the person's.
UPDATE attempt
   SET user_id = :pseudonym, attempt_id = md5(:pseudonym || attempt_id), questions = '[]'
 WHERE user_id = :user_id
   AND (batch_id, content_id, attempt_id) IN (SELECT batch_id, content_id, attempt_id
                                                FROM attempt
                                               WHERE user_id = :user_id
                                               LIMIT :limit);

-- sharded erase_attempts
WITH taken AS (
  DELETE FROM attempt
   WHERE user_id = :user_id
     AND (batch_id, content_id, attempt_id) IN (SELECT batch_id, content_id, attempt_id
                                                  FROM attempt
                                                 WHERE user_id = :user_id
                                                 LIMIT :limit)
  RETURNING *
)
INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions,
                     created_at, updated_at)
SELECT :pseudonym, batch_id, content_id, md5(:pseudonym || attempt_id), course_id, attempted_ms, score, max_score, '[]',
       created_at, updated_at
  FROM taken;

-- erase_certificates
-- The number, the award and the place in the status list stay, so that who checks a copy learns that it is withdrawn.
UPDATE certificate
   SET user_id = :pseudonym, status = 'revoked', credential = '{}', template = '{}',
       decision = jsonb_build_object('rule', decision -> 'rule', 'outcome', decision -> 'outcome', 'because', ''),
       changed_at = :now, changed_by = NULL, change_reason = NULL, change_code = 'erased'
 WHERE user_id = :user_id
   AND certificate_id IN (SELECT certificate_id FROM certificate WHERE user_id = :user_id LIMIT :limit);

-- sharded erase_certificates
WITH taken AS (
  DELETE FROM certificate
   WHERE user_id = :user_id
     AND certificate_id IN (SELECT certificate_id FROM certificate WHERE user_id = :user_id LIMIT :limit)
  RETURNING *
)
INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name, status,
                         status_index, credential, template, decision, earned_at, issued_at, expires_at, changed_at,
                         change_code)
SELECT :pseudonym, batch_id, template_id, revision, certificate_id, course_id, name, 'revoked', status_index, '{}', '{}',
       jsonb_build_object('rule', decision -> 'rule', 'outcome', decision -> 'outcome', 'because', ''), earned_at,
       issued_at, expires_at, :now, 'erased'
  FROM taken;

-- erase_imported
-- As with certificates of ours; of the old registry's record nothing stays.
UPDATE imported_certificate
   SET user_id = :pseudonym, status = 'revoked', token = '', sealed_record = '', changed_at = :now, changed_by = NULL,
       change_reason = NULL, change_code = 'erased'
 WHERE user_id = :user_id
   AND certificate_id IN (SELECT certificate_id FROM imported_certificate WHERE user_id = :user_id LIMIT :limit);

-- sharded erase_imported
WITH taken AS (
  DELETE FROM imported_certificate
   WHERE user_id = :user_id
     AND certificate_id IN (SELECT certificate_id FROM imported_certificate WHERE user_id = :user_id LIMIT :limit)
  RETURNING *
)
INSERT INTO imported_certificate (user_id, certificate_id, batch_id, course_id, name, source, status, issued_at,
                                  template_id, token, sealed_record, changed_at, change_code)
SELECT :pseudonym, certificate_id, batch_id, course_id, name, source, 'revoked', issued_at, template_id, '', '', :now,
       'erased'
  FROM taken;

-- erase_staged
-- Of a move that is not handed over: a learner's rows are in one of 1024 slices, each of which is asked by the index.
DELETE FROM takeover.stage
 WHERE ctid = ANY(ARRAY(SELECT stage.ctid
                          FROM generate_series(0, 1023) AS slices (slice)
                          JOIN takeover.stage ON stage.slice = slices.slice AND stage.user_id = :user_id
                         LIMIT :limit));

-- erase_held
-- Rows of the old service that wait for somebody's decision.
DELETE FROM takeover.quarantine
 WHERE row_id IN (SELECT row_id FROM takeover.quarantine WHERE key[1] = :user_id LIMIT :limit);

-- erase_oddities
-- What was odd about a row stays counted. One kind of them names the id with the federation's prefix.
UPDATE takeover.problem
   SET key[1] = :pseudonym
 WHERE problem_id IN (SELECT problem_id FROM takeover.problem WHERE key[1] = :user_id
                       UNION ALL
                      SELECT problem_id
                        FROM takeover.problem
                       WHERE kind = 'user-id-prefixed'
                         AND right(key[1], length(:user_id) + 1) = ':' || :user_id
                       LIMIT :limit);

-- erase_imported_changer
UPDATE imported_certificate
   SET changed_by = :pseudonym
 WHERE (user_id, certificate_id) IN (SELECT user_id, certificate_id
                                       FROM imported_certificate
                                      WHERE changed_by = :user_id
                                      LIMIT :limit);

-- erase_changer
UPDATE certificate
   SET changed_by = :pseudonym
 WHERE certificate_id IN (SELECT certificate_id FROM certificate WHERE changed_by = :user_id LIMIT :limit);

-- erase_batch_changes
UPDATE batch_change
   SET changed_by = :pseudonym
 WHERE (batch_id, revision) IN (SELECT batch_id, revision FROM batch_change WHERE changed_by = :user_id LIMIT :limit);

-- erase_due
DELETE FROM certificate_due
 WHERE user_id = :user_id
   AND batch_id IN (SELECT batch_id FROM certificate_due WHERE user_id = :user_id LIMIT :limit);

-- erase_figures
-- A copy: the enrolment under the pseudonym gets another.
DELETE FROM learner_figures
 WHERE user_id = :user_id
   AND batch_id IN (SELECT batch_id FROM learner_figures WHERE user_id = :user_id LIMIT :limit);

-- erase_contacts
-- Of the learner; what was noted is about the person.
DELETE FROM contact
 WHERE user_id = :user_id
   AND (batch_id, contact_id) IN (SELECT batch_id, contact_id FROM contact WHERE user_id = :user_id LIMIT :limit);

-- erase_contacting
-- Of others, who spoke to them.
UPDATE contact
   SET contacted_by = :pseudonym
 WHERE (user_id, batch_id, contact_id) IN (SELECT user_id, batch_id, contact_id
                                             FROM contact
                                            WHERE contacted_by = :user_id
                                            LIMIT :limit);

-- erase_batches
-- Of a creator or mentor; the content service is told the list anew.
WITH theirs AS (
  SELECT batch_id
    FROM batch
   WHERE (lower(created_by) = lower(:user_id) AND created_by = :user_id)
      OR (lowered(mentors) @> ARRAY[lower(:user_id)] AND :user_id = ANY (mentors))
   LIMIT :limit
)
   UPDATE batch
      SET created_by = CASE WHEN created_by = :user_id THEN :pseudonym ELSE created_by END,
          mentors = array_replace(mentors, :user_id, :pseudonym), revision = revision + 1
     FROM theirs
    WHERE batch.batch_id = theirs.batch_id
RETURNING batch.course_id;

-- publish_listings
UPDATE batch_listing SET due = true WHERE course_id = ANY (:course_ids::text[]);

-- names_batches
-- Whether there are more of them.
SELECT FROM batch
 WHERE (lower(created_by) = lower(:user_id) AND created_by = :user_id)
    OR (lowered(mentors) @> ARRAY[lower(:user_id)] AND :user_id = ANY (mentors))
 LIMIT :limit;

-- erase_uploader
UPDATE bulk_process
   SET uploaded_by = :pseudonym
 WHERE process_id IN (SELECT process_id FROM bulk_process WHERE uploaded_by = :user_id LIMIT :limit);

-- erase_lines
-- `pattern`: the id as a regular expression that finds it where it is no part of another id.
UPDATE bulk_row
   SET user_ids = regexp_replace(user_ids, :pattern, '\1' || :pseudonym, 'g'),
       batch_id = regexp_replace(batch_id, :pattern, '\1' || :pseudonym, 'g'),
       error = regexp_replace(error, :pattern, '\1' || :pseudonym, 'g')
 WHERE (process_id, row_number) IN (SELECT process_id, row_number
                                      FROM bulk_row
                                     WHERE (position(:user_id IN user_ids) > 0 AND user_ids ~ :pattern)
                                        OR (position(:user_id IN batch_id) > 0 AND batch_id ~ :pattern)
                                        OR (position(:user_id IN error) > 0 AND error ~ :pattern)
                                     LIMIT :limit);

-- erase_people
-- What became of a person may name them.
UPDATE bulk_person
   SET user_id = :pseudonym, outcome = regexp_replace(outcome, :pattern, '\1' || :pseudonym, 'g')
 WHERE (process_id, place) IN (SELECT process_id, place FROM bulk_person WHERE user_id = :user_id LIMIT :limit);

-- erase_changes
-- Removed, not renamed: to undo a change must not bring the person back.
UPDATE roster_change
   SET applied_by = CASE WHEN applied_by = :user_id THEN :pseudonym ELSE applied_by END,
       added = array_remove(added, :user_id), returned = array_remove(returned, :user_id),
       removed = array_remove(removed, :user_id)
 WHERE change_id IN (SELECT change_id
                       FROM roster_change
                      WHERE applied_by = :user_id OR :user_id = ANY (added) OR :user_id = ANY (returned)
                         OR :user_id = ANY (removed)
                      LIMIT :limit);

-- erase_drafts
DELETE FROM roster_draft
 WHERE draft_id IN (SELECT draft_id
                      FROM roster_draft
                     WHERE made_by = :user_id OR :user_id = ANY (user_ids)
                     LIMIT :limit);

-- erase_answers
DELETE FROM idempotency_key
 WHERE (scope, key) IN (SELECT scope, key
                          FROM idempotency_key
                         WHERE (position(:user_id IN scope) > 0 AND scope ~ :pattern)
                            OR (position(:user_id IN answer::text) > 0 AND answer::text ~ :pattern)
                         LIMIT :limit);

-- erase_events
-- Mails and notices that wait, and whatever was given up. What waits for Kafka leaves within seconds, or is given up.
DELETE FROM outbox
 WHERE event_id IN (SELECT event_id
                      FROM outbox
                     WHERE (parked OR destination <> 'kafka')
                       AND (key = :user_id OR (position(:user_id IN payload::text) > 0 AND payload::text ~ :pattern)
                            OR (position(:user_id IN error) > 0 AND error ~ :pattern))
                     LIMIT :limit);

-- erase_messages
-- Of what was handled nothing is kept, and what waits is handled.
DELETE FROM inbox
 WHERE message_id IN (SELECT message_id
                        FROM inbox
                       WHERE parked
                         AND (subject = :user_id
                              OR (position(convert_to(:user_id, 'UTF8') IN value) > 0
                                  AND encode(value, 'escape') ~ :pattern)
                              OR (position(:user_id IN error) > 0 AND error ~ :pattern))
                       LIMIT :limit);

-- erase_webhooks
UPDATE webhook
   SET created_by = :pseudonym
 WHERE webhook_id IN (SELECT webhook_id FROM webhook WHERE created_by = :user_id LIMIT :limit);

-- erase_deliveries
DELETE FROM webhook_delivery
 WHERE delivery_id IN (SELECT delivery_id
                         FROM webhook_delivery
                        WHERE position(:user_id IN body) > 0 AND body ~ :pattern
                        LIMIT :limit);

-- erase_merges
UPDATE merged_account
   SET user_id = CASE WHEN user_id = :user_id THEN :pseudonym ELSE user_id END,
       into_id = CASE WHEN into_id = :user_id THEN :pseudonym ELSE into_id END
 WHERE user_id IN (SELECT user_id FROM merged_account WHERE user_id = :user_id OR into_id = :user_id LIMIT :limit);

-- erase_adoptions
-- How far a reckoning came: it begins again, which changes nothing.
UPDATE adoption SET after_user_id = '', after_batch_id = ''
 WHERE course_id IN (SELECT course_id FROM adoption WHERE after_user_id = :user_id LIMIT :limit);

-- erase_lookups
UPDATE people_due SET after_user_id = ''
 WHERE batch_id IN (SELECT batch_id FROM people_due WHERE after_user_id = :user_id LIMIT :limit);

-- erase_requester
UPDATE exhaust_request
   SET requested_by = CASE WHEN requested_by = :user_id THEN :pseudonym ELSE requested_by END,
       requester_id = CASE WHEN requester_id = :user_id THEN :pseudonym ELSE requester_id END
 WHERE request_id IN (SELECT request_id
                        FROM exhaust_request
                       WHERE requested_by = :user_id OR requester_id = :user_id
                       LIMIT :limit);

-- erase_filters
-- Requests that named the person are over (withdraw_files_with); what they asked for is not needed to delete them.
UPDATE exhaust_request
   SET config = '{}'
 WHERE request_id IN (SELECT request_id
                        FROM exhaust_request
                       WHERE position(:user_id IN config::text) > 0 AND config::text ~ :pattern
                         AND status IN ('SUCCESS', 'FAILED')
                       LIMIT :limit);

-- erase_profile
DELETE FROM profile WHERE user_id = :user_id;

-- erase_consents
DELETE FROM consent
 WHERE user_id = :user_id
   AND (consumer_id, object_id) IN (SELECT consumer_id, object_id FROM consent WHERE user_id = :user_id LIMIT :limit);

-- erase_sessions
DELETE FROM console_session
 WHERE session_id IN (SELECT session_id FROM console_session WHERE user_id = :user_id LIMIT :limit);

-- erase_views
DELETE FROM saved_view
 WHERE user_id = :user_id
   AND (page, name) IN (SELECT page, name FROM saved_view WHERE user_id = :user_id LIMIT :limit);

-- erase_notes
UPDATE audit
   SET who = CASE WHEN who = :user_id THEN :pseudonym ELSE who END, whom = array_replace(whom, :user_id, :pseudonym),
       about = CASE WHEN position(:user_id IN about) > 0
                    THEN regexp_replace(about, :pattern, '\1' || :pseudonym, 'g') ELSE about END
 WHERE audit_id IN (SELECT audit_id
                      FROM audit
                     WHERE who = :user_id OR whom @> ARRAY[:user_id::text]
                     LIMIT :limit);

-- forget_parked
-- What was given up so long ago that nobody will send it again.
DELETE FROM outbox
 WHERE event_id IN (SELECT event_id FROM outbox WHERE parked AND created_at < :before LIMIT :limit);

-- forget_questions
-- The answers of old attempts; scores stay.
UPDATE attempt
   SET questions = '[]'
 WHERE (user_id, batch_id, content_id, attempt_id) IN (SELECT user_id, batch_id, content_id, attempt_id
                                                         FROM attempt
                                                        WHERE updated_at < :before AND questions <> '[]'
                                                        LIMIT :limit);

-- forget_ended
-- Accounts of which no token can count any more, with or without this row.
DELETE FROM ended_account
 WHERE user_id IN (SELECT user_id FROM ended_account WHERE changed_at < :before LIMIT :limit);
