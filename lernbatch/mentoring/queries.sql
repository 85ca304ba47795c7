-- Statements about mentoring.

-- fragment helpable
-- Learners of batches who may be spoken to now. Who was added by somebody is looked up by the adder.
       f.batch_id = ANY (:batch_ids::text[])
   AND (:added_by::text IS NULL OR (f.user_id, f.batch_id) IN (
         SELECT e.user_id, e.batch_id FROM enrolment e
          WHERE e.added_by = :added_by AND e.added_by <> e.user_id AND e.batch_id = ANY (:batch_ids)))
   AND NOT EXISTS (SELECT FROM contact c
                    WHERE c.user_id = f.user_id AND c.batch_id = f.batch_id AND c.undone_at IS NULL
                      AND (c.leave_alone OR c.contacted_at > :rested_before))

-- needy
-- Those who began, in the order of helped_first.
  SELECT f.user_id, f.batch_id, f.need, f.standing, f.percentage, f.unit, f.best, f.step, f.enrolled_at, f.seen_at,
         '' AS school_id, '' AS school_name, 0 AS school_learners
    FROM learner_figures f
   WHERE f.need < 4 AND :{helpable}
ORDER BY f.need, coalesce(f.seen_at, f.enrolled_at), f.user_id
   LIMIT :most;

-- never_began
-- Of each small school the first ones, and one of each large one. Asked when there is room for them on the list.
WITH needy AS (
  SELECT f.user_id, f.batch_id, f.need, f.standing, f.percentage, f.unit, f.best, f.step, f.enrolled_at, f.seen_at,
         coalesce(p.school_id, '') AS school_id, coalesce(p.school_name, '') AS school_name
    FROM learner_figures f
    LEFT JOIN profile p ON p.user_id = f.user_id
   WHERE f.need = 4 AND :{helpable}
), placed AS (
  SELECT user_id, batch_id, need, standing, percentage, unit, best, step, enrolled_at, seen_at, school_id, school_name,
         CASE WHEN school_id <> '' THEN count(*) OVER school ELSE 0 END AS school_learners,
         row_number() OVER (school ORDER BY enrolled_at, user_id) AS place
    FROM needy
  WINDOW school AS (PARTITION BY batch_id, school_id)
)
  SELECT user_id, batch_id, need, standing, percentage, unit, best, step, enrolled_at, seen_at, school_id, school_name,
         school_learners
    FROM placed
   WHERE place <= CASE WHEN school_learners > :large_school THEN 1 ELSE :most END
ORDER BY school_learners <= :large_school, enrolled_at, user_id
   LIMIT :most;

-- states_of
SELECT e.user_id, e.batch_id, coalesce(e.states_text, e.states::text) AS states
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
       e.completed_at, coalesce(e.states_text, e.states::text) AS states
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

-- undo_contacts
-- Those that one person noted in one go have one moment.
UPDATE contact
   SET undone_at = :now
 WHERE batch_id = :batch_id AND contacted_at = :contacted_at AND contacted_by = :contacted_by AND undone_at IS NULL
RETURNING user_id;

-- count_contacts
SELECT count(*)
  FROM contact
 WHERE batch_id = :batch_id AND contacted_at = :contacted_at AND contacted_by = :contacted_by AND undone_at IS NULL;

-- history
-- What happened to one learner in one batch, the newest first. Who joined by himself was added by himself. Attempts at
-- times that a phone's clock told lie not after this service was told of them.
SELECT happened.at, happened.what, happened.by, happened.detail, happened.score, happened.max_score
  FROM (
    SELECT enrolled_at AS at, 'joined' AS what, coalesce(added_by, user_id) AS by, added_how AS detail,
           NULL::double precision AS score, NULL::double precision AS max_score
      FROM enrolment WHERE user_id = :user_id AND batch_id = :batch_id
     UNION ALL
    SELECT left_at, 'left', NULL, NULL, NULL, NULL
      FROM enrolment WHERE user_id = :user_id AND batch_id = :batch_id AND left_at IS NOT NULL
     UNION ALL
    SELECT returned_at, 'returned', NULL, NULL, NULL, NULL
      FROM enrolment WHERE user_id = :user_id AND batch_id = :batch_id AND returned_at IS NOT NULL
     UNION ALL
    SELECT completed_at, 'completed', user_id, NULL, NULL, NULL
      FROM enrolment WHERE user_id = :user_id AND batch_id = :batch_id AND completed_at IS NOT NULL
     UNION ALL
    SELECT noted_at, CASE what WHEN 'enrolment.enrol' THEN 'enrolled-by-hand' ELSE 'removed-by-hand' END, who, NULL,
           NULL, NULL
      FROM audit
     WHERE whom @> ARRAY[:user_id::text] AND about = :batch_id AND outcome = 'done'
       AND what IN ('enrolment.enrol', 'enrolment.unenrol')
     UNION ALL
    SELECT applied_at,
           CASE WHEN :user_id = ANY (added) THEN 'added-by-roster'
                WHEN :user_id = ANY (returned) THEN 'returned-by-roster' ELSE 'removed-by-roster' END,
           applied_by, change_id, NULL, NULL
      FROM roster_change
     WHERE batch_id = :batch_id
       AND (:user_id = ANY (added) OR :user_id = ANY (returned) OR :user_id = ANY (removed))
     UNION ALL
    SELECT undone_at, 'roster-undone', NULL, change_id, NULL, NULL
      FROM roster_change
     WHERE batch_id = :batch_id AND undone_at IS NOT NULL
       AND (:user_id = ANY (added) OR :user_id = ANY (returned) OR :user_id = ANY (removed))
     UNION ALL
    SELECT least(to_timestamp(attempted_ms / 1000.0), updated_at), 'attempt', user_id, content_id, score, max_score
      FROM attempt WHERE user_id = :user_id AND batch_id = :batch_id
     UNION ALL
    SELECT issued_at, 'certificate-issued', NULL, name, NULL, NULL
      FROM certificate WHERE user_id = :user_id AND batch_id = :batch_id
     UNION ALL
    SELECT changed_at, 'certificate-' || status, changed_by, name, NULL, NULL
      FROM certificate WHERE user_id = :user_id AND batch_id = :batch_id AND changed_at > issued_at
     UNION ALL
    SELECT contacted_at, 'contacted', contacted_by, how, NULL, NULL
      FROM contact WHERE user_id = :user_id AND batch_id = :batch_id AND undone_at IS NULL AND :manages::boolean
  ) happened
 ORDER BY happened.at DESC, happened.what DESC, happened.detail
 LIMIT :limit;

-- sealed_notes
  SELECT contact_id AS about, sealed
    FROM contact
   WHERE contact_id > :after AND sealed IS NOT NULL
ORDER BY contact_id
   LIMIT :limit;

-- reseal_notes
UPDATE contact c
   SET sealed = new.sealed
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS new (about, before, sealed)
 WHERE c.contact_id = new.about AND c.sealed = new.before;
