-- Statements about batches.

-- insert_batch
INSERT INTO batch (batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors,
                   start_date, end_date, enrolment_start_date, enrolment_end_date, time_zone, capacity, leave_policy,
                   status, due_on, templates, created_at)
VALUES (:batch_id, :course_id, :name, :description, :enrolment_type, :created_by, :created_for, :mentors,
        :start_date, :end_date, :enrolment_start_date, :enrolment_end_date, :time_zone, :capacity, :leave_policy,
        :status, :due_on, :templates, :created_at);

-- batch_by_id
SELECT batch_id, course_id, course_version, name, description, enrolment_type, created_by, created_for, mentors,
       start_date, end_date, enrolment_start_date, enrolment_end_date, time_zone, capacity, leave_policy,
       status, templates, created_at, updated_at, revision
  FROM batch
 WHERE batch_id = :batch_id;

-- batches_by_ids
SELECT batch_id, course_id, course_version, name, description, enrolment_type, created_by, created_for, mentors,
       start_date, end_date, enrolment_start_date, enrolment_end_date, time_zone, capacity, leave_policy,
       status, templates, created_at, updated_at, revision
  FROM batch
 WHERE batch_id = ANY(:batch_ids::text[]);

-- update_batch
-- Only over the revision that was judged: who comes second judges again. Templates have statements of their own.
UPDATE batch
   SET name = :name, description = :description, enrolment_type = :enrolment_type, created_for = :created_for,
       mentors = :mentors, start_date = :start_date, end_date = :end_date,
       enrolment_start_date = :enrolment_start_date, enrolment_end_date = :enrolment_end_date,
       time_zone = :time_zone, capacity = :capacity, leave_policy = :leave_policy,
       status = :status, due_on = :due_on, updated_at = :updated_at, revision = :revision
 WHERE batch_id = :batch_id
   AND revision = :revision - 1;

-- participant_count
SELECT count(*) FROM enrolment WHERE batch_id = :batch_id AND active = :active;

-- participants
  SELECT user_id
    FROM enrolment
   WHERE batch_id = :batch_id AND active = :active
ORDER BY user_id
   LIMIT :limit
  OFFSET :offset;

-- zones_in_use
-- Days begin at another time in another zone; few batches have one of their own.
SELECT DISTINCT time_zone FROM batch WHERE time_zone IS NOT NULL;

-- batches_due
-- due_on is written by rules.status_due_on, so SQL only compares two days; what day it is depends on the batch's zone.
  SELECT batch.batch_id, batch.course_id, batch.start_date, batch.end_date, zone.today
    FROM batch
    JOIN unnest(:zones::text[], :todays::date[]) AS zone (name, today) ON batch.time_zone IS NOT DISTINCT FROM zone.name
   WHERE batch.due_on <= :latest
     AND batch.due_on <= zone.today
ORDER BY batch.due_on
   LIMIT :limit
     FOR UPDATE OF batch SKIP LOCKED;

-- set_statuses
UPDATE batch
   SET status = moved.status, due_on = moved.due_on
  FROM unnest(:batch_ids::text[], :statuses::smallint[], :due_on::date[]) AS moved (batch_id, status, due_on)
 WHERE batch.batch_id = moved.batch_id;

-- participants_of_batches
-- One row for each batch that anybody ever joined, be it that all have left.
SELECT wanted.batch_id, coalesce(staying.user_ids, '{}') AS user_ids
  FROM unnest(:batch_ids::text[]) AS wanted (batch_id)
 CROSS JOIN LATERAL (SELECT array_agg(user_id ORDER BY user_id) AS user_ids
                       FROM (SELECT user_id
                               FROM enrolment
                              WHERE enrolment.batch_id = wanted.batch_id AND active
                              LIMIT :limit) AS page) AS staying
 WHERE staying.user_ids IS NOT NULL
    OR EXISTS (SELECT FROM enrolment WHERE enrolment.batch_id = wanted.batch_id AND NOT active);

-- learner_counts
SELECT wanted.batch_id,
       (SELECT count(*) FROM enrolment
         WHERE enrolment.batch_id = wanted.batch_id AND active) AS participants,
       (SELECT count(*) FROM enrolment
         WHERE enrolment.batch_id = wanted.batch_id AND active AND status = 2) AS completed
  FROM unnest(:batch_ids::text[]) AS wanted (batch_id);
