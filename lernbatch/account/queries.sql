-- Statements about accounts.

-- enrolments_to_merge
-- Of one account; both are locked in the order of their ids, so that two merges do not wait for each other.
  SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage,
         completed_at, coalesce(states_text, states::text) AS states, certificates
    FROM enrolment
   WHERE user_id = :user_id
ORDER BY batch_id
     FOR UPDATE;

-- save_enrolments
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress,
                       percentage, completed_at, updated_at, states_text, states, certificates)
SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage,
       completed_at, :now, CASE WHEN :as_text THEN states END, CASE WHEN NOT :as_text THEN states::jsonb END, certificates
  FROM unnest(:user_ids::text[], :batch_ids::text[], :course_ids::text[], :active::boolean[], :added_by::text[],
              :added_how::text[], :enrolled_at::timestamptz[], :statuses::smallint[], :progress::integer[],
              :percentages::smallint[], :completed_at::timestamptz[], :states::text[], :certificates::jsonb[])
       AS merged (user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress,
                  percentage, completed_at, states, certificates)
ON CONFLICT (user_id, batch_id) DO UPDATE
        SET active = EXCLUDED.active, enrolled_at = EXCLUDED.enrolled_at, status = EXCLUDED.status,
            completed_at = EXCLUDED.completed_at, updated_at = EXCLUDED.updated_at,
            states_text = EXCLUDED.states_text, states = EXCLUDED.states, certificates = EXCLUDED.certificates,
            revision = enrolment.revision + 1;

-- copy_attempts
-- If both accounts have an attempt of one id, the later one stays.
INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions,
                     created_at, updated_at)
SELECT :into_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions, created_at, :now
  FROM attempt
 WHERE user_id = :from_id
ON CONFLICT (user_id, batch_id, content_id, attempt_id) DO UPDATE
        SET attempted_ms = EXCLUDED.attempted_ms, score = EXCLUDED.score, max_score = EXCLUDED.max_score,
            questions = EXCLUDED.questions, updated_at = EXCLUDED.updated_at
      WHERE attempt.attempted_ms < EXCLUDED.attempted_ms;

-- supersede_duplicates
-- Of two certificates of one name in one batch, the account that stays keeps its own, if that is valid.
WITH kept AS MATERIALIZED (
  SELECT certificate_id, batch_id, name
    FROM certificate
   WHERE certificate_id = ANY (:target_ids::text[]) AND status = 'active'
)
UPDATE certificate AS duplicate
   SET status = 'superseded', changed_at = :now, change_reason = 'accounts merged', change_code = 'accounts-merged'
  FROM kept
 WHERE duplicate.certificate_id = ANY (:source_ids::text[]) AND duplicate.status IN ('active', 'suspended')
   AND kept.batch_id = duplicate.batch_id AND lower(kept.name) = lower(duplicate.name)
   AND kept.certificate_id <> duplicate.certificate_id;

-- superseded_certificates
SELECT certificate_id FROM certificate WHERE certificate_id = ANY (:certificate_ids::text[]) AND status = 'superseded';

-- unenrol_from_all
-- The rows stay as a record, but are no longer shown as courses of the account given up.
UPDATE enrolment SET active = false WHERE user_id = :user_id AND active;

-- save_merge
INSERT INTO merged_account (user_id, into_id, merged_at)
VALUES (:from_id, :into_id, :now)
ON CONFLICT (user_id) DO UPDATE SET into_id = EXCLUDED.into_id, merged_at = EXCLUDED.merged_at;

-- erase_certificate_copies
-- The credential stays as it was signed, name included, so that it goes on verifying; what templates had copied beside
-- it goes.
UPDATE certificate SET template = template - 'related' WHERE user_id = :user_id AND template ? 'related';

-- save_ended
-- An account that never ended gets no row.
INSERT INTO ended_account (user_id, is_ended, changed_at)
SELECT :user_id, :is_ended, :now
 WHERE :is_ended OR EXISTS (SELECT FROM ended_account WHERE user_id = :user_id)
ON CONFLICT (user_id) DO UPDATE SET is_ended = EXCLUDED.is_ended, changed_at = EXCLUDED.changed_at;

-- ended_since
-- Newest first: the limit leaves out the oldest, whose tokens have expired anyway.
  SELECT user_id, is_ended
    FROM ended_account
   WHERE changed_at >= :since
ORDER BY changed_at DESC
   LIMIT :limit;

-- is_merged
-- Into one that is not being erased itself.
SELECT EXISTS (SELECT FROM merged_account
                WHERE user_id = :user_id AND into_id NOT IN (SELECT user_id FROM erasure));
