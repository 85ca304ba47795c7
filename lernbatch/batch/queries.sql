-- Statements about batches.

-- insert_batch
INSERT INTO batch (batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors,
                   start_date, end_date, enrolment_end_date, status, due_on, created_at)
VALUES (:batch_id, :course_id, :name, :description, :enrolment_type, :created_by, :created_for, :mentors,
        :start_date, :end_date, :enrolment_end_date, :status, :due_on, :created_at);

-- batch_by_id
SELECT batch_id, course_id, course_version, name, description, enrolment_type, created_by, created_for, mentors,
       start_date, end_date, enrolment_start_date, enrolment_end_date, time_zone, capacity, leave_policy,
       status, templates, created_at, updated_at, revision
  FROM batch
 WHERE batch_id = :batch_id;

-- batches_due
-- due_on is written by rules.status_due_on, so SQL only compares two days.
  SELECT batch_id, start_date, end_date, status
    FROM batch
   WHERE due_on <= :today
ORDER BY due_on
   LIMIT :limit
     FOR UPDATE SKIP LOCKED;

-- set_statuses
UPDATE batch
   SET status = moved.status, due_on = moved.due_on
  FROM unnest(:batch_ids::text[], :statuses::smallint[], :due_on::date[]) AS moved (batch_id, status, due_on)
 WHERE batch.batch_id = moved.batch_id;
