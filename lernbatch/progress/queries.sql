-- Statements about progress. `learners` and `save` are the hot path: see docs/decisions/0008-coalescing.md.
-- A row has its states as text, or still as jsonb: see docs/decisions/0024-states-as-text.md.

-- learners
-- Everything that reports of many learners need, in one read: the batch's dates and the row.
-- In the order of the fields of EnrolledLearner, after `active`: see progress.model.learner_of.
   SELECT e.active, asked.user_id, asked.batch_id, b.start_date, b.end_date, b.time_zone, b.course_id,
          b.course_version, b.templates <> '{}' AS awards, e.status, e.progress, e.percentage, e.completed_at,
          coalesce(e.states_text, e.states::text) AS states, e.scores::text AS scores, e.revision
     FROM unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
LEFT JOIN batch b ON b.batch_id = asked.batch_id
LEFT JOIN enrolment e ON e.user_id = asked.user_id
          -- sharded: AND e.user_id = ANY(:user_ids)
          AND e.batch_id = asked.batch_id;

-- attempts_of
-- The attempts of learners in batches, without their answers.
SELECT a.user_id, a.batch_id, a.content_id, a.attempt_id, a.attempted_ms, a.score, a.max_score
  FROM unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
  JOIN attempt a ON a.user_id = asked.user_id
       -- sharded: AND a.user_id = ANY(:user_ids)
       AND a.batch_id = asked.batch_id;

-- save
-- Only rows that are still as they were read, and active: whoever lost a race is not returned and reads again. What
-- belongs to a row (attempts, due certificates, events) is written after it, for the saved rows alone, in one
-- transaction.
   UPDATE enrolment e
      SET status = new.status, progress = new.progress, percentage = new.percentage,
          completed_at = new.completed_at, last_read_content_id = new.last_read_content_id,
          last_read_content_status = new.last_read_content_status, last_access_at = new.last_access_at,
          states_text = CASE WHEN :as_text THEN new.states END,
          states = CASE WHEN NOT :as_text THEN new.states::jsonb END, -- for processes of 0.2.0 beside us
          scores = new.scores, updated_at = :now, revision = e.revision + 1
     FROM unnest(:user_ids::text[], :batch_ids::text[], :revisions::bigint[], :statuses::smallint[],
                 :progress::integer[], :percentages::smallint[], :completed_at::timestamptz[],
                 :last_read_content_ids::text[], :last_read_content_statuses::smallint[],
                 :last_access_at::timestamptz[], :states::text[], :scores::jsonb[])
          AS new (user_id, batch_id, revision, status, progress, percentage, completed_at, last_read_content_id,
                  last_read_content_status, last_access_at, states, scores)
    WHERE e.user_id = new.user_id
      -- sharded: AND e.user_id = ANY(:user_ids)
      AND e.batch_id = new.batch_id
      AND e.revision = new.revision
      AND e.active
RETURNING e.user_id, e.batch_id;

-- save_attempt
-- One attempt: a row of a learner is written where the learner's rows are, many in one round trip (executemany).
INSERT INTO attempt (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions,
                     created_at, updated_at)
     VALUES (:user_id, :batch_id, :content_id, :attempt_id, :course_id, :attempted_ms, :score, :max_score, :questions,
             :now, :now)
ON CONFLICT (user_id, batch_id, content_id, attempt_id) DO UPDATE
        SET attempted_ms = EXCLUDED.attempted_ms, score = EXCLUDED.score, max_score = EXCLUDED.max_score,
            questions = EXCLUDED.questions, updated_at = EXCLUDED.updated_at;

-- drop_attempts
-- Attempts beyond the bound.
DELETE FROM attempt a
 USING unnest(:user_ids::text[], :batch_ids::text[], :content_ids::text[], :attempt_ids::text[])
       AS old (user_id, batch_id, content_id, attempt_id)
 WHERE a.user_id = old.user_id
   -- sharded: AND a.user_id = ANY(:user_ids)
   AND a.batch_id = old.batch_id
   AND a.content_id = old.content_id
   AND a.attempt_id = old.attempt_id;

-- queue_learners
-- Certificates of these learners may be due.
INSERT INTO certificate_due (user_id, batch_id, due_at, reason)
     SELECT user_id, batch_id, :now, reason
       FROM unnest(:user_ids::text[], :batch_ids::text[], :reasons::text[]) AS due (user_id, batch_id, reason)
   ORDER BY user_id, batch_id
ON CONFLICT (user_id, batch_id) DO UPDATE
:{enrolment.due_again};

-- states_of
-- The states of many learners in one read; as text, so that they are read straight into their own type.
SELECT asked.position, coalesce(e.states_text, e.states::text) AS states
  FROM unnest(:user_ids::text[], :batch_ids::text[], :course_ids::text[])
       WITH ORDINALITY AS asked (user_id, batch_id, course_id, position)
  JOIN enrolment e ON e.user_id = asked.user_id
       -- sharded: AND e.user_id = ANY(:user_ids)
       AND e.batch_id = asked.batch_id
       AND e.course_id = asked.course_id;

-- attempts_of_learner
-- For each of the contents the first :limit attempts, in the order of their ids; contents null: of all. None was made
-- after this service was told of it, whatever a phone's clock said.
  SELECT content_id, attempt_id, attempted_ms, score, max_score
    FROM (SELECT content_id, attempt_id, score, max_score,
                 least(attempted_ms, (extract(epoch FROM updated_at) * 1000)::bigint) AS attempted_ms,
                 row_number() OVER (PARTITION BY content_id ORDER BY attempt_id) AS place
            FROM attempt
           WHERE user_id = :user_id
             AND batch_id = :batch_id
             AND (:content_ids::text[] IS NULL OR content_id = ANY(:content_ids))) AS numbered
   WHERE place <= :limit
ORDER BY content_id, attempt_id;

-- has_enrolment
SELECT true
  FROM enrolment
 WHERE user_id = :user_id
   AND batch_id = :batch_id
   AND course_id = :course_id
   AND active;

-- progress_of_people
-- A page of what people have done in the course (null: in any), enrolled or not any more.
SELECT user_id, batch_id, course_id, progress, coalesce(states_text, states::text) AS states, scores::text AS scores,
       updated_at
  FROM enrolment
 WHERE user_id = ANY(:user_ids::text[])
   AND (:course_id::text IS NULL OR course_id = :course_id)
   AND coalesce(states_text <> '{}', states <> '{}')
   AND (user_id, batch_id) > (:after_user_id, :after_batch_id)
ORDER BY user_id, batch_id
   LIMIT :limit;

-- enrolments_to_recompute
-- One page of active enrolments in the order of the key, with the marks of all attempts; batch null: of all batches.
  SELECT e.user_id, e.batch_id, e.course_id, b.course_version, e.status, e.progress, e.percentage, e.completed_at,
         e.last_read_content_id, e.last_access_at, coalesce(e.states_text, e.states::text) AS states,
         e.scores::text AS scores,
         (SELECT jsonb_agg(jsonb_build_array(a.content_id, a.attempt_id, a.attempted_ms, a.score, a.max_score))
            FROM attempt a
           WHERE a.user_id = e.user_id AND a.batch_id = e.batch_id) AS attempts
    FROM enrolment e
    JOIN batch b ON b.batch_id = e.batch_id
   WHERE e.active
     AND (:batch_id::text IS NULL OR e.batch_id = :batch_id)
     AND (e.user_id, e.batch_id) > (:after_user_id, :after_batch_id)
ORDER BY e.user_id, e.batch_id
   LIMIT :limit;

-- republished_course
-- A republished course and the last key whose enrolment was recomputed. The newest publication must have settled, so
-- that no process still works by the one before.
  SELECT newest.course_id, newest.version,
         CASE WHEN a.version = newest.version THEN a.after_user_id ELSE '' END AS after_user_id,
         CASE WHEN a.version = newest.version THEN a.after_batch_id ELSE '' END AS after_batch_id
    FROM (SELECT DISTINCT ON (course_id) course_id, version, fetched_at
            FROM course
        ORDER BY course_id, fetched_at DESC) newest
    LEFT JOIN adoption a ON a.course_id = newest.course_id
   WHERE newest.fetched_at < :settled
     AND (a.version IS DISTINCT FROM newest.version OR NOT a.is_done)
     AND EXISTS (SELECT FROM course older
                  WHERE older.course_id = newest.course_id AND older.version <> newest.version)
ORDER BY newest.fetched_at
   LIMIT 1;

-- pin_ended_batches
-- A batch that is over stays with the tree it ended with: the publication before the newest.
UPDATE batch
   SET course_version = (SELECT version
                           FROM course
                          WHERE course_id = :course_id
                            AND version <> :version
                       ORDER BY fetched_at DESC
                          LIMIT 1)
 WHERE course_id = :course_id
   AND course_version IS NULL
   AND status = 2;

-- enrolments_to_follow
  SELECT e.user_id, e.batch_id
    FROM batch b
    JOIN enrolment e ON e.batch_id = b.batch_id AND e.active
   WHERE b.course_id = :course_id
     AND b.course_version IS NULL
     AND (e.batch_id, e.user_id) > (:after_batch_id, :after_user_id)
ORDER BY e.batch_id, e.user_id
   LIMIT :limit;

-- save_republication
INSERT INTO adoption (course_id, version, after_user_id, after_batch_id, is_done)
     VALUES (:course_id, :version, :after_user_id, :after_batch_id, :is_done)
ON CONFLICT (course_id) DO UPDATE
        SET version = EXCLUDED.version, after_user_id = EXCLUDED.after_user_id,
            after_batch_id = EXCLUDED.after_batch_id, is_done = EXCLUDED.is_done;
