-- Statements about enrolments.

-- eligibilities
-- A batch that does not exist gives no row.
   SELECT asked.user_id, asked.batch_id, b.course_id, b.name, b.enrolment_type, b.start_date, b.end_date, b.enrolment_start_date,
          b.enrolment_end_date, b.time_zone, b.capacity, b.leave_policy, b.created_by, b.created_for, b.mentors,
          e.active, e.status
     FROM unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
     JOIN batch b ON b.batch_id = asked.batch_id
LEFT JOIN enrolment e ON e.user_id = asked.user_id
          -- sharded: AND e.user_id = ANY(:user_ids)
          AND e.batch_id = asked.batch_id;

-- enrol
-- Learners who have never been in their batch. Whoever was enrolled by somebody else meanwhile is not returned.
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, updated_at)
     SELECT user_id, batch_id, course_id, true, added_by, how, :now, :now
       FROM unnest(:user_ids::text[], :batch_ids::text[], :course_ids::text[], :added_by::text[], :how::text[])
            AS asked (user_id, batch_id, course_id, added_by, how)
ON CONFLICT (user_id, batch_id) DO NOTHING
  RETURNING user_id, batch_id;

-- enrol_one
-- The same of one learner, for Citus: it sends the row to the learner's shard alone; many go in one round trip.
INSERT INTO enrolment (user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, updated_at)
     VALUES (:user_id, :batch_id, :course_id, true, :added_by, :how, :now, :now)
ON CONFLICT (user_id, batch_id) DO NOTHING
  RETURNING user_id, batch_id;

-- re_enrol
-- A learner who comes back keeps the progress and the first date; one who is in again already is not returned.
   UPDATE enrolment e
      SET active = true, added_how = asked.how, returned_at = :now
     FROM unnest(:user_ids::text[], :batch_ids::text[], :how::text[]) AS asked (user_id, batch_id, how)
    WHERE e.user_id = asked.user_id
      -- sharded: AND e.user_id = ANY(:user_ids)
      AND e.batch_id = asked.batch_id
      AND NOT e.active
RETURNING e.user_id, e.batch_id;

-- fragment due_again
-- A learner whose certificates are due already is due from now on, also where that had been given up. claim = NULL takes
-- the row from a worker that evaluates an older state.
   SET due_at = EXCLUDED.due_at, reason = EXCLUDED.reason, claim = NULL, attempts = 0, error = NULL, parked = false

-- queue_returned
-- Nothing but the return may make who comes back eligible for what was attached meanwhile, so that is evaluated at once.
INSERT INTO certificate_due (user_id, batch_id, due_at, reason)
     SELECT asked.user_id, asked.batch_id, :now, 'enrolled'
       FROM unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
       JOIN batch ON batch.batch_id = asked.batch_id AND batch.templates <> '{}'
   ORDER BY asked.user_id, asked.batch_id
ON CONFLICT (user_id, batch_id) DO UPDATE
:{due_again};

-- lock_batches
-- Whoever gives seats holds the batch, so that the last seat is given once.
  SELECT batch_id
    FROM batch
   WHERE batch_id = ANY(:batch_ids::text[])
ORDER BY batch_id
     FOR UPDATE;

-- sharded lock_batches
-- There a batch lies on every node, and a row is locked on all of them or not at all: a lock of the coordinator, which all
-- who give seats go through, is enough.
SELECT pg_advisory_xact_lock(hashtextextended('seats of ' || batch_id, 0)) FROM unnest(:batch_ids::text[]) AS held (batch_id);

-- seats_left
-- Read after the lock is held; a batch without a capacity gives no row.
   SELECT b.batch_id, b.capacity - coalesce(taken.seats, 0) AS seats
     FROM batch b
LEFT JOIN (SELECT batch_id, count(*) AS seats
             FROM enrolment
            WHERE batch_id = ANY(:batch_ids::text[])
              AND active
         GROUP BY batch_id) taken ON taken.batch_id = b.batch_id
    WHERE b.batch_id = ANY(:batch_ids)
      AND b.capacity IS NOT NULL;

-- unenrol
-- A completion that commits first keeps the learner in: the condition is judged on the row as it is then.
   UPDATE enrolment
      SET active = false, left_at = :now
     FROM unnest(:user_ids::text[], :batch_ids::text[]) AS leaving (user_id, batch_id)
    WHERE enrolment.user_id = leaving.user_id
      -- sharded: AND enrolment.user_id = ANY(:user_ids)
      AND enrolment.batch_id = leaving.batch_id
      AND enrolment.active
      AND enrolment.status <> 2
RETURNING enrolment.user_id, enrolment.batch_id;

-- enrolments_of
-- Active enrolments of many learners, newest first. A learner's course filter is the rows of `filter` at their
-- position; without any, all courses. `after_at` null: the first page.
SELECT e.user_id, e.batch_id, e.course_id, e.active, e.added_by, e.enrolled_at, e.status, e.progress, e.percentage,
       e.completed_at, e.last_read_content_id, e.last_read_content_status, e.last_access_at, e.updated_at,
       e.states, e.certificates, b.course_version, b.revision AS batch_revision, asked.position
  FROM unnest(:user_ids::text[], :limits::bigint[], :offsets::bigint[], :after_at::timestamptz[],
              :after_batch_ids::text[])
       WITH ORDINALITY AS asked (user_id, page_size, passed_over, after_at, after_batch_id, position)
  LEFT JOIN (
         SELECT position, array_agg(course_id) AS course_ids
           FROM unnest(:filter_positions::bigint[], :filter_course_ids::text[]) AS pair (position, course_id)
       GROUP BY position) filter ON filter.position = asked.position
 CROSS JOIN LATERAL (
         SELECT user_id, batch_id, course_id, active, added_by, enrolled_at, status, progress, percentage,
                completed_at, last_read_content_id, last_read_content_status, last_access_at, updated_at,
                coalesce(states_text, states::text) AS states, certificates
           FROM enrolment
          WHERE user_id = asked.user_id
            -- sharded: AND user_id = ANY(:user_ids)
            AND active
            AND (filter.course_ids IS NULL OR course_id = ANY(filter.course_ids))
            AND (asked.after_at IS NULL OR (enrolled_at, batch_id) < (asked.after_at, asked.after_batch_id))
       ORDER BY enrolled_at DESC, batch_id DESC
          LIMIT asked.page_size
         OFFSET asked.passed_over) e
  LEFT JOIN batch b ON b.batch_id = e.batch_id
 ORDER BY asked.position, e.enrolled_at DESC, e.batch_id DESC;

-- enrolment_count
SELECT count(*)
  FROM enrolment
 WHERE user_id = :user_id
   AND active
   AND (:course_ids::text[] IS NULL OR course_id = ANY(:course_ids));
