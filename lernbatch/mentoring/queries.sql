-- Statements about mentoring.

-- needy
-- Learners who need help and may be spoken to, of each need the first ones; of those who never began the first ones of
-- each small school, and one of each large one. Who was added by somebody is looked up by the adder.
WITH needy AS (
  SELECT f.user_id, f.batch_id, f.need, f.standing, f.percentage, f.unit, f.best, f.step, f.enrolled_at, f.seen_at,
         coalesce(p.school_id, '') AS school_id, coalesce(p.school_name, '') AS school_name
    FROM learner_figures f
    LEFT JOIN profile p ON f.need = 4 AND p.user_id = f.user_id
   WHERE f.batch_id = ANY (:batch_ids::text[])
     AND f.need <= 4
     AND (:added_by::text IS NULL OR (f.user_id, f.batch_id) IN (
           SELECT e.user_id, e.batch_id FROM enrolment e
            WHERE e.added_by = :added_by AND e.added_by <> e.user_id AND e.batch_id = ANY (:batch_ids)))
     AND NOT EXISTS (SELECT FROM contact c
                      WHERE c.user_id = f.user_id AND c.batch_id = f.batch_id AND c.undone_at IS NULL
                        AND (c.leave_alone OR c.contacted_at > :rested_before))
), placed AS (
  SELECT *, CASE WHEN school_id <> '' THEN count(*) OVER school ELSE 0 END AS school_learners,
         row_number() OVER (school ORDER BY coalesce(seen_at, enrolled_at), user_id) AS place
    FROM needy
  WINDOW school AS (PARTITION BY batch_id, need, school_id)
)
SELECT user_id, batch_id, need, standing, percentage, unit, best, step, enrolled_at, seen_at, school_id, school_name,
       school_learners
  FROM placed
 WHERE place <= CASE WHEN school_learners > :large_school THEN 1 ELSE :most END
 ORDER BY need, school_learners <= :large_school, coalesce(seen_at, enrolled_at), user_id
 LIMIT :most;

-- states_of
SELECT e.user_id, e.batch_id, e.states::text AS states
  FROM unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
  JOIN enrolment e ON e.user_id = asked.user_id AND e.batch_id = asked.batch_id;

-- members_of
-- Who of these people is in the batch, or was.
SELECT e.user_id
  FROM unnest(:user_ids::text[]) AS asked (user_id)
  JOIN enrolment e ON e.user_id = asked.user_id AND e.batch_id = :batch_id;

-- save_contacts
INSERT INTO contact (user_id, batch_id, contact_id, how, leave_alone, sealed, contacted_by, contacted_at)
SELECT user_id, :batch_id, contact_id, :how, :leave_alone, sealed, :contacted_by, :now
  FROM unnest(:user_ids::text[], :contact_ids::text[], :sealed::bytea[]) AS new (user_id, contact_id, sealed);

-- fragment contact
-- A contact with what its outcome is told by.
SELECT c.user_id, c.batch_id, c.contact_id, c.how, c.leave_alone, c.sealed, c.contacted_by, c.contacted_at, e.status,
       e.completed_at, e.states::text AS states
  FROM contact c
  JOIN enrolment e ON e.user_id = c.user_id AND e.batch_id = c.batch_id

-- lately
-- The newest contacts of batches since a moment.
:{contact}
   WHERE c.batch_id = ANY (:batch_ids::text[])
     AND c.contacted_at >= :since
     AND c.undone_at IS NULL
     AND (:contacted_by::text IS NULL OR c.contacted_by = :contacted_by)
ORDER BY c.contacted_at DESC, c.contact_id
   LIMIT :limit;

-- contacts_of_learner
:{contact}
   WHERE c.user_id = :user_id
     AND c.batch_id = :batch_id
     AND c.undone_at IS NULL
ORDER BY c.contacted_at DESC, c.contact_id
   LIMIT :limit;

-- contact_to_undo
SELECT contacted_at
  FROM contact
 WHERE user_id = :user_id AND batch_id = :batch_id AND contact_id = :contact_id AND undone_at IS NULL
   FOR UPDATE;

-- undo_contact
UPDATE contact
   SET undone_at = :now
 WHERE user_id = :user_id AND batch_id = :batch_id AND contact_id = :contact_id;
