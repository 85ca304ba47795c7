-- Statements about batches.

-- insert_batch
INSERT INTO batch (batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors,
                   start_date, end_date, enrolment_start_date, enrolment_end_date, time_zone, capacity, leave_policy,
                   status, due_on, enrolment_closes_on, enrolment_closes_before, course_version, templates, created_at)
VALUES (:batch_id, :course_id, :name, :description, :enrolment_type, :created_by, :created_for, :mentors,
        :start_date, :end_date, :enrolment_start_date, :enrolment_end_date, :time_zone, :capacity, :leave_policy,
        :status, :due_on, :enrolment_closes_on, :enrolment_closes_before, :course_version, :templates, :created_at);

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
-- Only over the revision that was read and checked: a later writer reads and checks again. Templates have statements of
-- their own.
UPDATE batch
   SET name = :name, description = :description, enrolment_type = :enrolment_type, created_for = :created_for,
       mentors = :mentors, start_date = :start_date, end_date = :end_date,
       enrolment_start_date = :enrolment_start_date, enrolment_end_date = :enrolment_end_date,
       time_zone = :time_zone, capacity = :capacity, leave_policy = :leave_policy,
       status = :status, due_on = :due_on, updated_at = :updated_at, revision = :revision,
       enrolment_closes_on = :enrolment_closes_on, enrolment_closes_before = :enrolment_closes_before,
       course_version = :course_version
 WHERE batch_id = :batch_id
   AND revision = :revision - 1;

-- note_change
INSERT INTO batch_change (batch_id, revision, changed_at, changed_by, fields)
VALUES (:batch_id, :revision, :now, :changed_by, :fields)
ON CONFLICT DO NOTHING;

-- changes_of
  SELECT revision, changed_at, changed_by, fields
    FROM batch_change
   WHERE batch_id = :batch_id
ORDER BY revision DESC
   LIMIT :limit;

-- follow_publication_again
-- Learners of a reopened batch are measured by the newest publication, as those of other running batches are.
UPDATE adoption SET is_done = false, after_user_id = '', after_batch_id = '' WHERE course_id = :course_id;

-- participant_count
-- Two counts, of which one is skipped: one index holds active learners, another those who left.
SELECT (SELECT count(*) FROM enrolment WHERE :active AND batch_id = :batch_id AND active)
     + (SELECT count(*) FROM enrolment WHERE NOT :active AND batch_id = :batch_id AND NOT active);

-- participants
-- As participant_count; one value, for a row each takes three times as long. :only: the ids that the caller may see;
-- null: all.
SELECT ARRAY(
    SELECT user_id
      FROM (SELECT user_id FROM enrolment WHERE :active AND batch_id = :batch_id AND active
             UNION ALL
            SELECT user_id FROM enrolment WHERE NOT :active AND batch_id = :batch_id AND NOT active) AS who
     WHERE :only::text[] IS NULL OR user_id = ANY(:only::text[])
  ORDER BY user_id
     LIMIT :limit
    OFFSET :offset);

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

-- batches_closing_otherwise
-- Batches whose last day of enrolment was worked out with another value of the setting, or never. Not <> alone: by two
-- ranges and a null the index finds them.
SELECT batch_id, end_date, enrolment_end_date
  FROM batch
 WHERE enrolment_closes_before < :closes_days_before OR enrolment_closes_before > :closes_days_before
    OR enrolment_closes_before IS NULL
 LIMIT :limit
   FOR UPDATE SKIP LOCKED;

-- set_enrolment_ends
UPDATE batch
   SET enrolment_closes_on = worked_out.closes_on, enrolment_closes_before = :closes_days_before
  FROM unnest(:batch_ids::text[], :closes_on::date[]) AS worked_out (batch_id, closes_on)
 WHERE batch.batch_id = worked_out.batch_id;

-- participants_of_batches
-- One row per batch that ever had a learner, even if all have left. Of batches that the caller does not manage only the
-- ids :own are selected. `most` bounds the ids of each batch, and so the whole answer.
SELECT requested.batch_id, coalesce(staying.user_ids, '{}') AS user_ids
  FROM unnest(:batch_ids::text[], :managed::boolean[], :most::integer[]) AS requested (batch_id, managed, most)
 CROSS JOIN LATERAL (SELECT array_agg(user_id ORDER BY user_id) AS user_ids
                       FROM (SELECT user_id
                               FROM enrolment
                              WHERE enrolment.batch_id = requested.batch_id
                                AND active
                                AND (requested.managed OR user_id = ANY(:own::text[]))
                              ORDER BY user_id
                              LIMIT requested.most) AS page) AS staying
 WHERE staying.user_ids IS NOT NULL
    OR EXISTS (SELECT FROM enrolment WHERE enrolment.batch_id = requested.batch_id AND NOT active);

-- sharded participants_of_batches
WITH learner AS MATERIALIZED (
  SELECT batch_id, user_id, active FROM enrolment WHERE batch_id = ANY(:batch_ids::text[])
), placed AS (
  SELECT learner.batch_id, learner.user_id, learner.active, requested.most,
         row_number() OVER (PARTITION BY learner.batch_id, learner.active ORDER BY learner.user_id) AS place
    FROM unnest(:batch_ids, :managed::boolean[], :most::integer[]) AS requested (batch_id, managed, most)
    JOIN learner ON learner.batch_id = requested.batch_id
   WHERE NOT learner.active OR requested.managed OR learner.user_id = ANY(:own::text[])
)
  SELECT batch_id, coalesce(array_agg(user_id ORDER BY user_id) FILTER (WHERE active AND place <= most), '{}') AS user_ids
    FROM placed
GROUP BY batch_id;

-- learner_counts
   SELECT requested.batch_id, coalesce(counted.participants, 0) AS participants,
          coalesce(counted.completed, 0) AS completed
     FROM unnest(:batch_ids::text[]) AS requested (batch_id)
LEFT JOIN (SELECT batch_id, count(*) AS participants, count(*) FILTER (WHERE status = 2) AS completed
             FROM enrolment
            WHERE batch_id = ANY(:batch_ids)
              AND active
         GROUP BY batch_id) AS counted ON counted.batch_id = requested.batch_id;

-- lock_listings
-- Changes of a course's batches wait for the row of the course; in the order of the ids, so that there is no deadlock.
INSERT INTO batch_listing (course_id, told_at)
SELECT course_id, :now FROM unnest(:course_ids::text[]) AS course_id ORDER BY course_id
ON CONFLICT (course_id) DO UPDATE SET told_at = EXCLUDED.told_at, due = false;

-- open_batches
-- status may be stored a moment too long; the event leaves out what has ended. The bound is for each course. Batches
-- from before there was a bound for names and organisations are shown within it.
    SELECT open.batch_id, open.course_id, left(open.name, :name_length) AS name, open.enrolment_type,
           open.created_for[1 : :organisations] AS created_for, open.start_date, open.end_date,
           open.enrolment_end_date, open.time_zone
      FROM unnest(:course_ids::text[]) AS course (course_id)
CROSS JOIN LATERAL (SELECT batch_id, batch.course_id, name, enrolment_type, created_for, start_date, end_date,
                           enrolment_end_date, time_zone
                      FROM batch
                     WHERE batch.course_id = course.course_id AND status < 2
                  ORDER BY batch_id DESC
                     LIMIT :limit) AS open
  ORDER BY open.batch_id;

-- claim_listings
  SELECT course_id FROM batch_listing
   WHERE due
ORDER BY course_id
   LIMIT :limit
     FOR UPDATE SKIP LOCKED;

-- request_listings
INSERT INTO batch_listing (course_id, told_at, due)
SELECT DISTINCT course_id, :now::timestamptz, true
  FROM batch
 WHERE :everything OR course_id = ANY(:course_ids::text[]) OR batch_id = ANY(:batch_ids::text[])
 ORDER BY course_id
ON CONFLICT (course_id) DO UPDATE SET due = true;

-- preview_learners
-- Learners who have completed keep everything; the others may be affected.
WITH counted AS MATERIALIZED (
  SELECT count(*) AS active, count(*) FILTER (WHERE status < 2) AS unfinished
    FROM enrolment
   WHERE batch_id = :batch_id AND active
), first AS MATERIALIZED (
    SELECT user_id
      FROM enrolment
     WHERE batch_id = :batch_id AND active AND status < 2
  ORDER BY user_id
     LIMIT :limit
)
SELECT active, unfinished, ARRAY(SELECT user_id FROM first ORDER BY user_id) AS user_ids FROM counted;

-- transfer_batches
-- The conditions on lower() are there for their indexes; ids are compared to the letter. A mentor stands once.
WITH owned AS (
  SELECT batch_id
    FROM batch
   WHERE (lower(created_by) = lower(:from_user_id) OR lowered(mentors) @> ARRAY[lower(:from_user_id)])
     AND (created_by = :from_user_id OR mentors @> ARRAY[:from_user_id])
     AND (:organisation_ids::text[] IS NULL OR created_for && :organisation_ids::text[])
   LIMIT :limit
     FOR UPDATE
)
   UPDATE batch
      SET created_by = CASE WHEN created_by = :from_user_id THEN :to_user_id ELSE created_by END,
          mentors = ARRAY(SELECT entry
                            FROM unnest(array_replace(mentors, :from_user_id, :to_user_id))
                                 WITH ORDINALITY AS listed (entry, place)
                        GROUP BY entry
                        ORDER BY min(place)),
          updated_at = :now,
          revision = revision + 1
     FROM owned
    WHERE batch.batch_id = owned.batch_id
RETURNING batch.batch_id, batch.course_id;
