-- Statements about summaries.

-- figures
-- Learners who came and stayed, and learners who were awarded, each once; from :since on (null: ever). The places are
-- those of the profiles kept here; who has none is left to the next statement.
SELECT kind, place.state, place.district, count(*) AS count
  FROM (SELECT 'enrolment' AS kind, e.user_id
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
           AND (:since::timestamptz IS NULL OR c.issued_at >= :since)) did
  LEFT JOIN profile p ON (:by_state OR :by_district) AND p.user_id = did.user_id
 CROSS JOIN LATERAL (SELECT CASE WHEN :by_state THEN nullif(p.state, '') END AS state,
                            CASE WHEN :by_district THEN nullif(p.district, '') END AS district) place
 WHERE NOT (:by_state OR :by_district) OR p.user_id IS NOT NULL
GROUP BY kind, place.state, place.district
ORDER BY kind DESC, place.state, place.district;

-- unplaced
-- Whoever did something, and whose profile is not kept here.
SELECT did.kind, did.user_id
  FROM (SELECT 'enrolment' AS kind, e.user_id
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
           AND (:since::timestamptz IS NULL OR c.issued_at >= :since)) did
 WHERE NOT EXISTS (SELECT FROM profile p WHERE p.user_id = did.user_id);
