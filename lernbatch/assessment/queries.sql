-- Statements about attempts.

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
