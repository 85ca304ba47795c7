-- Statements about summaries.

-- fragment counted
-- Learners who came and stayed, and learners who were awarded, each once; from :since on (null: ever).
SELECT 'enrolment' AS kind, e.user_id
  FROM enrolment e
 WHERE e.batch_id = :batch_id
   AND e.course_id = :course_id
   AND e.active
   AND (:since::timestamptz IS NULL OR e.enrolled_at >= :since)
UNION ALL
SELECT DISTINCT 'certificate-issued', c.user_id
  FROM certificate c
 WHERE c.batch_id = :batch_id
   AND c.course_id = :course_id
   AND (:since::timestamptz IS NULL OR c.issued_at >= :since)

-- figures
-- How many of them there are, by place. The places are those of the profiles kept here; where they are asked for,
-- `known` is false for those whose profile is not kept.
SELECT kind, place.state, place.district, place.known, count(*) AS count
  FROM (:{counted}) did
  LEFT JOIN profile p ON (:by_state OR :by_district) AND p.user_id = did.user_id
 CROSS JOIN LATERAL (SELECT CASE WHEN :by_state THEN nullif(p.state, '') END AS state,
                            CASE WHEN :by_district THEN nullif(p.district, '') END AS district,
                            p.user_id IS NOT NULL OR NOT (:by_state OR :by_district) AS known) place
GROUP BY kind, place.state, place.district, place.known
ORDER BY kind DESC, place.state, place.district;

-- people_to_place
-- Some of those whom `figures` counts as not known, each with what they did.
  SELECT did.user_id, array_agg(did.kind) AS kinds
    FROM (:{counted}) did
   WHERE NOT EXISTS (SELECT FROM profile p WHERE p.user_id = did.user_id)
GROUP BY did.user_id
   LIMIT :limit;

-- enrolment
-- One learner in one batch, active or not, to be explained.
SELECT e.user_id, e.batch_id, b.course_id, b.course_version, e.active, e.status, e.percentage, e.completed_at,
       coalesce(e.states_text, e.states::text) AS states, e.scores::text AS scores
  FROM enrolment e
  JOIN batch b ON b.batch_id = e.batch_id
 WHERE e.user_id = :user_id
   AND e.batch_id = :batch_id;
