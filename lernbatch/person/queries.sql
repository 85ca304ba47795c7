-- Statements of profiles and consents.

-- consents_to_recheck
-- Active consents to the organisations, in the courses beside them, that were last asked about before `older_than`,
-- the longest ago first.
  SELECT c.user_id, pair.consumer_id, pair.course_id
    FROM unnest(:consumer_ids::text[], :course_ids::text[]) AS pair (consumer_id, course_id)
    JOIN LATERAL (SELECT user_id, fetched_at
                    FROM consent
                   WHERE consumer_id = pair.consumer_id AND object_id = pair.course_id
                     AND lower(status) = 'active' AND fetched_at < :older_than
                ORDER BY fetched_at
                   LIMIT :limit) c ON true
ORDER BY c.fetched_at
   LIMIT :limit;

-- sharded consents_to_recheck
  SELECT c.user_id, pair.consumer_id, pair.course_id
    FROM unnest(:consumer_ids::text[], :course_ids::text[]) AS pair (consumer_id, course_id)
    JOIN consent c ON c.consumer_id = pair.consumer_id AND c.object_id = pair.course_id
   WHERE lower(c.status) = 'active' AND c.fetched_at < :older_than
ORDER BY c.fetched_at
   LIMIT :limit;

-- expire_consents
UPDATE consent
   SET withdrawn_at = expires_at
 WHERE lower(status) = 'active' AND expires_at <= :now AND (withdrawn_at IS NULL OR withdrawn_at < expires_at);

-- profiles_to_fetch
-- Learners whose profile is missing or older than asked, in order, after `after`.
   SELECT e.user_id, p.user_id IS NULL AS missing
     FROM enrolment e
LEFT JOIN profile p USING (user_id)
    WHERE e.batch_id = :batch_id AND e.active AND e.user_id > :after
      AND (p.user_id IS NULL OR p.fetched_at < :older_than)
 ORDER BY e.user_id
    LIMIT :limit;

-- put_profiles
INSERT INTO profile (user_id, status, root_org_id, org_name, state, district, block, cluster, school_id, school_name,
                     board, user_type, user_sub_type, sealed, name_marks, fetched_at)
     SELECT p.user_id, p.status, p.root_org_id, p.org_name, p.state, p.district, p.block, p.cluster, p.school_id,
            p.school_name, p.board, p.user_type, p.user_sub_type, p.sealed,
            ARRAY(SELECT jsonb_array_elements_text(p.name_marks)::bigint), :now
       FROM unnest(:user_ids::text[], :statuses::smallint[], :root_org_ids::text[], :org_names::text[],
                   :states::text[], :districts::text[], :blocks::text[], :clusters::text[], :school_ids::text[],
                   :school_names::text[], :boards::text[], :user_types::text[], :user_sub_types::text[],
                   :sealed::bytea[], :name_marks::jsonb[])
            AS p (user_id, status, root_org_id, org_name, state, district, block, cluster, school_id, school_name,
                  board, user_type, user_sub_type, sealed, name_marks)
ON CONFLICT (user_id) DO UPDATE
        SET status = EXCLUDED.status, root_org_id = EXCLUDED.root_org_id, org_name = EXCLUDED.org_name,
            state = EXCLUDED.state, district = EXCLUDED.district, block = EXCLUDED.block, cluster = EXCLUDED.cluster,
            school_id = EXCLUDED.school_id, school_name = EXCLUDED.school_name, board = EXCLUDED.board,
            user_type = EXCLUDED.user_type, user_sub_type = EXCLUDED.user_sub_type, sealed = EXCLUDED.sealed,
            name_marks = EXCLUDED.name_marks, fetched_at = EXCLUDED.fetched_at;

-- consents_to_fetch
-- A consent that is known but old is no better than a missing one.
   SELECT e.user_id, true AS missing
     FROM enrolment e
LEFT JOIN consent c ON c.user_id = e.user_id AND c.consumer_id = :consumer_id AND c.object_id = e.course_id
    WHERE e.batch_id = :batch_id AND e.active AND e.user_id > :after
      AND (c.user_id IS NULL OR c.fetched_at < :older_than)
 ORDER BY e.user_id
    LIMIT :limit;

-- put_consents
INSERT INTO consent (user_id, consumer_id, object_id, consent_id, status, updated_at, expires_at, fetched_at)
     SELECT c.user_id, :consumer_id, :object_id, c.consent_id, c.status, c.updated_at, c.expires_at, :now
       FROM unnest(:user_ids::text[], :consent_ids::text[], :statuses::text[], :updated_at::timestamptz[],
                   :expires_at::timestamptz[]) AS c (user_id, consent_id, status, updated_at, expires_at)
ON CONFLICT (user_id, consumer_id, object_id) DO UPDATE
        SET consent_id = EXCLUDED.consent_id, status = EXCLUDED.status, updated_at = EXCLUDED.updated_at,
            expires_at = EXCLUDED.expires_at, fetched_at = EXCLUDED.fetched_at,
            withdrawn_at = CASE WHEN lower(consent.status) = 'active' AND lower(EXCLUDED.status) IS DISTINCT FROM 'active'
                                THEN EXCLUDED.fetched_at ELSE consent.withdrawn_at END;

-- sealed_profiles
  SELECT user_id AS about, sealed
    FROM profile
   WHERE user_id > :after AND sealed IS NOT NULL
ORDER BY user_id
   LIMIT :limit;

-- reseal_profiles
-- One that was written since it was read is sealed by the newest key already. Marks of an older key are made anew when
-- somebody looks for a name.
UPDATE profile p
   SET sealed = new.sealed, name_marks = NULL
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS new (about, before, sealed)
 WHERE p.user_id = new.about AND p.sealed = new.before;

-- next_lookup
-- The batch whose missing profiles were asked for first.
SELECT batch_id, after_user_id FROM people_due ORDER BY asked_at, batch_id LIMIT 1;

-- missing_profiles
-- Learners of a batch, in it or awarded, whose profile is not kept, or not with what finds names. By an expression the order is no index's: with the
-- plain column PostgreSQL may look for the learners of one batch among those of all, user by user.
  SELECT learner.user_id
    FROM (SELECT e.user_id FROM enrolment e WHERE e.batch_id = :batch_id AND e.active
           UNION
          SELECT c.user_id FROM certificate c WHERE c.batch_id = :batch_id) learner
   WHERE learner.user_id > :after
     AND NOT EXISTS (SELECT FROM profile p WHERE p.user_id = learner.user_id AND p.name_marks IS NOT NULL)
ORDER BY learner.user_id || ''
   LIMIT :limit;

-- learners_without_marks
-- Learners of a batch who cannot be found by their name yet: the profile is not kept, or was before names had marks.
  SELECT e.user_id
    FROM enrolment e
    LEFT JOIN profile p USING (user_id)
   WHERE e.batch_id = :batch_id AND e.active AND p.name_marks IS NULL
ORDER BY e.user_id || ''
   LIMIT :limit;

-- sealed_names_in
-- What is kept of some learners of a batch, whoever comes first. A join would read all profiles.
SELECT user_id AS about, sealed
  FROM profile
 WHERE user_id = ANY(ARRAY(SELECT user_id FROM enrolment WHERE batch_id = :batch_id AND active LIMIT :limit))
   AND sealed IS NOT NULL;

-- request_profiles
-- The profiles of a batch are fetched by a job: summaries by place and searches by name ask for it.
INSERT INTO people_due (batch_id, asked_at, after_user_id)
VALUES (:batch_id, :now, '')
ON CONFLICT DO NOTHING;

-- advance_lookup
UPDATE people_due SET after_user_id = :after WHERE batch_id = :batch_id;

-- end_lookup
DELETE FROM people_due WHERE batch_id = :batch_id;

-- forget_profile
-- What reports show of a deleted person; enrolments, scores and certificates stay.
UPDATE profile
   SET status = 2, org_name = '', state = '', district = '', block = '', cluster = '', school_id = '',
       school_name = '', board = '', user_type = '', user_sub_type = '', sealed = NULL, name_marks = '{}',
       fetched_at = :now
 WHERE user_id = :user_id;

-- forget_consents
DELETE FROM consent WHERE user_id = :user_id;
