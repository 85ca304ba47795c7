-- Statements about figures. The table learner_figures is a copy that can be made anew at any time: it is read for pages,
-- never to decide about a learner.

-- sizes
-- How many learners a batch has, left ones too: as it was counted, else counted up to a bound, for which batches are
-- small enough to be counted when they are read.
SELECT asked.batch_id, f.counted_at, coalesce(nullif(f.learners, 0), counted.learners)::integer AS learners
  FROM unnest(:batch_ids::text[]) AS asked (batch_id)
  LEFT JOIN batch_figures f ON f.batch_id = asked.batch_id
  LEFT JOIN LATERAL (
         SELECT count(*) AS learners
           FROM (SELECT FROM enrolment e WHERE e.batch_id = asked.batch_id AND e.active LIMIT :most) learner) counted
    ON f.learners IS NULL OR f.learners = 0;

-- sharded sizes
WITH counted AS MATERIALIZED (
  SELECT batch_id, least(count(*), :most) AS learners
    FROM enrolment
   WHERE batch_id = ANY (:batch_ids::text[]) AND active
GROUP BY batch_id
)
SELECT asked.batch_id, f.counted_at, coalesce(nullif(f.learners, 0), counted.learners, 0)::integer AS learners
  FROM unnest(:batch_ids) AS asked (batch_id)
  LEFT JOIN batch_figures f ON f.batch_id = asked.batch_id
  LEFT JOIN counted ON counted.batch_id = asked.batch_id;

-- plan_by_values
-- In the transaction the planner knows which batch it is about: what is right for one of twenty learners, a look at each
-- one's row, takes seconds for one of a hundred thousand.
SET LOCAL plan_cache_mode = force_custom_plan;

-- enrolments_to_count
-- Enrolments whose figures are of another revision or another measure than now, or stand differently since a moment
-- that has passed. Joining, leaving and certificates change no revision. Whoever is counted is not among them any more.
-- Those in the batch and those who left have an index each.
WITH enrolled AS (
  SELECT user_id, batch_id, revision, active, added_how, enrolled_at, status, percentage, completed_at, last_access_at,
         updated_at, states, states_text, scores, jsonb_array_length(certificates) AS certificates
    FROM enrolment
   WHERE batch_id = ANY (:batch_ids::text[]) AND active
   UNION ALL
  SELECT user_id, batch_id, revision, active, added_how, enrolled_at, status, percentage, completed_at, last_access_at,
         updated_at, states, states_text, scores, jsonb_array_length(certificates)
    FROM enrolment
   WHERE batch_id = ANY (:batch_ids) AND NOT active
)
SELECT e.user_id, e.batch_id, e.revision, e.active, e.added_how, e.enrolled_at, e.status, e.percentage, e.completed_at,
       e.last_access_at, e.updated_at, coalesce(e.states_text, e.states::text) AS states, e.scores::text AS scores,
       e.certificates
  FROM enrolled e
  LEFT JOIN (SELECT user_id, batch_id, revision, measure, active, certificates, standing_until
               FROM learner_figures
              WHERE batch_id = ANY (:batch_ids)) f
    ON f.user_id = e.user_id AND f.batch_id = e.batch_id
 WHERE f.user_id IS NULL
    OR f.revision <> e.revision
    OR f.measure <> ALL (:measures::integer[])
    OR f.active <> e.active
    OR f.certificates <> e.certificates
    OR f.standing_until <= :now
 LIMIT :limit;

-- save_learners
-- In the order of the keys, so that two that count one batch wait for each other instead of failing. Whoever was erased
-- meanwhile has another id by now.
INSERT INTO learner_figures (user_id, batch_id, revision, active, certificates, measure, standing, standing_until, need,
                             reached, percentage, unit, units, best, attempts, step, enrolled_at, seen_at, completed_at,
                             added_how)
SELECT counted.user_id, counted.batch_id, counted.revision, counted.active, counted.certificates, counted.measure,
       counted.standing, counted.standing_until, counted.need, counted.reached, counted.percentage, counted.unit,
       translate(counted.units::text, '[]', '{}')::smallint[], counted.best, counted.attempts, counted.step,
       counted.enrolled_at, counted.seen_at, counted.completed_at, counted.added_how
  FROM unnest(:user_ids::text[], :batch_ids::text[], :revisions::bigint[], :active::boolean[], :certificates::integer[],
              :measures::integer[], :standings::smallint[], :standing_until::timestamptz[], :needs::smallint[],
              :reached::smallint[], :percentages::smallint[], :unit::smallint[], :units::jsonb[], :best::integer[],
              :attempts::smallint[], :steps::text[], :enrolled_at::timestamptz[], :seen_at::timestamptz[],
              :completed_at::timestamptz[], :added_how::text[])
    AS counted (user_id, batch_id, revision, active, certificates, measure, standing, standing_until, need, reached,
                percentage, unit, units, best, attempts, step, enrolled_at, seen_at, completed_at, added_how)
  JOIN enrolment e ON e.user_id = counted.user_id AND e.batch_id = counted.batch_id
 ORDER BY counted.user_id, counted.batch_id
ON CONFLICT (user_id, batch_id) DO UPDATE
   SET revision = EXCLUDED.revision, active = EXCLUDED.active, certificates = EXCLUDED.certificates,
       measure = EXCLUDED.measure, standing = EXCLUDED.standing, standing_until = EXCLUDED.standing_until,
       need = EXCLUDED.need, reached = EXCLUDED.reached, percentage = EXCLUDED.percentage, unit = EXCLUDED.unit,
       units = EXCLUDED.units, best = EXCLUDED.best, attempts = EXCLUDED.attempts, step = EXCLUDED.step,
       enrolled_at = EXCLUDED.enrolled_at, seen_at = EXCLUDED.seen_at, completed_at = EXCLUDED.completed_at,
       added_how = EXCLUDED.added_how
 WHERE learner_figures.revision <= EXCLUDED.revision;

-- count_batches
-- The counts of batches from the rows of their learners. `days`: the newest on which anything happened.
WITH asked AS (
  SELECT batch_id, zone FROM unnest(:batch_ids::text[], :zones::text[]) AS asked (batch_id, zone)
), learner AS MATERIALIZED (
  SELECT f.batch_id, f.user_id, f.standing, f.reached, f.percentage, f.units, f.certificates, f.seen_at,
         (f.enrolled_at AT TIME ZONE asked.zone)::date AS enrolled_on,
         CASE WHEN f.reached >= 3 THEN (f.completed_at AT TIME ZONE asked.zone)::date END AS completed_on
    FROM asked
    JOIN learner_figures f ON f.batch_id = asked.batch_id
), total AS (
  SELECT batch_id, count(*) AS learners, count(*) FILTER (WHERE standing > 0) AS enrolled,
         count(*) FILTER (WHERE standing > 0 AND certificates > 0) AS certified,
         count(*) FILTER (WHERE standing > 0 AND seen_at >= :active_since) AS active
    FROM learner
GROUP BY batch_id
), level AS (
  SELECT batch_id, reached, count(*) AS learners FROM learner WHERE standing > 0 GROUP BY batch_id, reached
), stood AS (
  SELECT batch_id, standing, count(*) AS learners FROM learner GROUP BY batch_id, standing
), unit AS (
  SELECT learner.batch_id, part.number, count(*) FILTER (WHERE part.percent = 100) AS finished
    FROM learner, unnest(learner.units) WITH ORDINALITY AS part (percent, number)
   WHERE learner.standing > 0
GROUP BY learner.batch_id, part.number
), ranked AS (
  SELECT learner.batch_id, learner.units,
         (row_number() OVER (PARTITION BY learner.batch_id ORDER BY learner.percentage DESC, learner.user_id) - 1)
           * least(total.enrolled, :most_columns::integer) / total.enrolled AS place
    FROM learner
    JOIN total ON total.batch_id = learner.batch_id
   WHERE learner.standing > 0
), cell AS (
  SELECT ranked.batch_id, ranked.place, part.number, round(avg(part.percent)) AS percent
    FROM ranked, unnest(ranked.units[1:(:most_rows::integer)]) WITH ORDINALITY AS part (percent, number)
GROUP BY ranked.batch_id, ranked.place, part.number
), picture AS (
  SELECT batch_id, jsonb_agg(percents ORDER BY place) AS percents
    FROM (SELECT batch_id, place, jsonb_agg(percent ORDER BY number) AS percents
            FROM cell
        GROUP BY batch_id, place) AS part
GROUP BY batch_id
), event AS (
  SELECT batch_id, enrolled_on AS day, count(*) AS enrolled, 0 AS completed, 0 AS certified
    FROM learner WHERE standing > 0 GROUP BY batch_id, enrolled_on
   UNION ALL
  SELECT batch_id, completed_on, 0, count(*), 0
    FROM learner WHERE standing > 0 AND completed_on IS NOT NULL GROUP BY batch_id, completed_on
   UNION ALL
  SELECT c.batch_id, (c.issued_at AT TIME ZONE asked.zone)::date, 0, 0, count(*)
    FROM asked
    JOIN certificate c ON c.batch_id = asked.batch_id AND c.revision = 1
GROUP BY c.batch_id, 2
), day AS (
  SELECT batch_id, day, sum(enrolled) AS enrolled, sum(completed) AS completed, sum(certified) AS certified,
         row_number() OVER (PARTITION BY batch_id ORDER BY day DESC) AS ago
    FROM event
GROUP BY batch_id, day
)
INSERT INTO batch_figures (batch_id, learners, counted_at, enrolled, certified, active, reached, standings, units, days,
                           picture)
SELECT asked.batch_id, coalesce(total.learners, 0), :now, coalesce(total.enrolled, 0), coalesce(total.certified, 0),
       coalesce(total.active, 0),
       ARRAY(SELECT coalesce(sum(level.learners), 0)
               FROM generate_series(0, 5) AS lowest
               LEFT JOIN level ON level.batch_id = asked.batch_id AND level.reached >= lowest
           GROUP BY lowest ORDER BY lowest),
       ARRAY(SELECT coalesce(stood.learners, 0)
               FROM generate_series(0, 9) AS number
               LEFT JOIN stood ON stood.batch_id = asked.batch_id AND stood.standing = number
           ORDER BY number),
       ARRAY(SELECT finished FROM unit WHERE unit.batch_id = asked.batch_id ORDER BY number),
       coalesce((SELECT jsonb_agg(jsonb_build_array(day, enrolled, completed, certified) ORDER BY day)
                   FROM day WHERE day.batch_id = asked.batch_id AND ago <= :most_days), '[]'),
       coalesce((SELECT percents FROM picture WHERE picture.batch_id = asked.batch_id), '[]')
  FROM asked
  LEFT JOIN total ON total.batch_id = asked.batch_id
ORDER BY asked.batch_id
ON CONFLICT (batch_id) DO UPDATE
   SET learners = EXCLUDED.learners, counted_at = EXCLUDED.counted_at, asked_at = NULL, enrolled = EXCLUDED.enrolled,
       certified = EXCLUDED.certified, active = EXCLUDED.active, reached = EXCLUDED.reached,
       standings = EXCLUDED.standings, units = EXCLUDED.units, days = EXCLUDED.days,
       picture = EXCLUDED.picture;

-- ask_for_counts
-- Somebody looks at batches that are too large to be counted meanwhile.
INSERT INTO batch_figures (batch_id, asked_at)
SELECT batch_id, :now FROM unnest(:batch_ids::text[]) AS asked (batch_id)
 ORDER BY batch_id
ON CONFLICT (batch_id) DO UPDATE SET asked_at = EXCLUDED.asked_at
 WHERE batch_figures.asked_at IS NULL AND (batch_figures.counted_at IS NULL OR batch_figures.counted_at < :older_than);

-- next_to_count
-- The batch that waits longest.
SELECT batch_id FROM batch_figures WHERE asked_at IS NOT NULL ORDER BY asked_at, batch_id LIMIT 1;

-- forget_counts
-- Of a batch that cannot be counted, so that it does not stop the others.
UPDATE batch_figures SET asked_at = NULL WHERE batch_id = :batch_id;

-- figures_of
SELECT batch_id, counted_at, enrolled, certified, active, reached, standings, units, days, picture
  FROM batch_figures
 WHERE batch_id = ANY (:batch_ids::text[]);

-- counts_of
-- For a list of batches, which shows none of their pictures: a picture is most of a row.
SELECT batch_id, active, certified
  FROM batch_figures
 WHERE batch_id = ANY (:batch_ids::text[]) AND counted_at IS NOT NULL;

-- fragment matching
-- The learners of a batch for whom everything holds that was asked. Who was added by somebody is looked up by the
-- adder, who has fewer than the batch.
      FROM learner_figures f
     WHERE f.batch_id = :batch_id
       AND CASE WHEN :standings::smallint[] IS NULL THEN f.standing > 0 ELSE f.standing = ANY (:standings) END
       AND (:unit::smallint IS NULL OR f.unit = :unit)
       AND (:reached::smallint IS NULL OR f.reached >= :reached)
       AND (:not_reached::smallint IS NULL OR f.reached < :not_reached)
       AND (:certified::boolean IS NULL OR (f.certificates > 0) = :certified)
       AND (:finished_unit::integer IS NULL OR f.units[:finished_unit] = 100)
       AND (:unfinished_unit::integer IS NULL OR f.units[:unfinished_unit] < 100)
       AND (:seen_from::timestamptz IS NULL OR f.seen_at >= :seen_from)
       AND (:seen_before::timestamptz IS NULL OR f.seen_at < :seen_before)
       AND (:added_how::text IS NULL OR f.added_how = :added_how)
       AND (:user_ids::text[] IS NULL OR f.user_id = ANY (:user_ids))
       AND (:from_rank::integer IS NULL OR f.user_id IN (
             SELECT r.user_id FROM learner_figures r
              WHERE r.batch_id = :batch_id AND r.standing > 0
           ORDER BY r.percentage DESC, r.user_id
             OFFSET :from_rank - 1 LIMIT :to_rank::integer - :from_rank + 1))
       AND (:named::text IS NULL OR f.user_id = :named OR f.user_id IN (
             SELECT p.user_id FROM unnest(:name_marks::text[]) AS wanted (marks)
               JOIN profile p ON p.name_marks @> wanted.marks::bigint[]))
       AND (:added_by::text IS NULL OR f.user_id IN (
             SELECT e.user_id FROM enrolment e
              WHERE e.added_by = :added_by AND e.added_by <> e.user_id AND e.batch_id = :batch_id))
       AND (NOT :by_place::boolean OR EXISTS (
             SELECT FROM profile p
              WHERE p.user_id = f.user_id
                AND (:state::text IS NULL OR p.state = :state)
                AND (:district::text IS NULL OR p.district = :district)
                AND (:block::text IS NULL OR p.block = :block)
                AND (:school_id::text IS NULL OR p.school_id = :school_id)
                AND (:organisation_id::text IS NULL OR p.root_org_id = :organisation_id)))

-- learners
-- A page in one of five orders. Every order is two numbers and the id: a batch's rows are few and narrow, so that
-- sorting them costs less than five indexes that every count would have to write.
SELECT user_id, standing, need, reached, percentage, unit, units, best, attempts, step, enrolled_at, seen_at,
       completed_at, added_how, first_key, second_key
  FROM (
    SELECT f.user_id, f.standing, f.need, f.reached, f.percentage, f.unit, f.units, f.best, f.attempts, f.step,
           f.enrolled_at, f.seen_at, f.completed_at, f.added_how,
           :sign::double precision * CASE :sort::text
             WHEN 'need' THEN f.need
             WHEN 'progress' THEN f.percentage
             WHEN 'seen' THEN coalesce(date_part('epoch', f.seen_at), 0)
             WHEN 'best' THEN coalesce(f.best, -1)
             ELSE date_part('epoch', f.enrolled_at) END::double precision AS first_key,
           CASE :sort WHEN 'need' THEN coalesce(date_part('epoch', f.seen_at), 0) ELSE 0 END::double precision
             AS second_key
    :{matching}) ordered
 WHERE :after_user_id::text IS NULL
    OR (first_key, second_key, user_id)
       > (:after_first::double precision, :after_second::double precision, :after_user_id)
 ORDER BY first_key, second_key, user_id
 LIMIT :limit;

-- learner_count
SELECT count(*)
    :{matching};

-- certificate_groups
-- What became of those who completed a batch: each is in one group, and those who failed by reason. Who has no
-- certificate had it taken away, was given up, is tried again later, is due, or has not earned it. A suspended one is
-- still the learner's.
WITH taken AS (
  SELECT user_id, CASE WHEN bool_or(status = 'suspended') THEN 'suspended' ELSE 'revoked' END AS state
    FROM certificate
   WHERE batch_id = :batch_id
GROUP BY user_id
  HAVING NOT bool_or(status = 'active') AND bool_or(status IN ('suspended', 'revoked'))
), completed AS (
  SELECT CASE WHEN taken.state = 'suspended' THEN 'suspended'
              WHEN f.certificates > 0 THEN 'issued'
              WHEN taken.state = 'revoked' THEN 'revoked'
              WHEN d.parked THEN 'failed'
              WHEN d.error IS NOT NULL THEN 'held'
              WHEN d.user_id IS NOT NULL THEN 'being-issued'
              ELSE 'not-earned' END AS state, d.error, d.due_at
    FROM learner_figures f
    LEFT JOIN certificate_due d ON d.user_id = f.user_id AND d.batch_id = f.batch_id AND d.batch_id = :batch_id
    LEFT JOIN taken ON taken.user_id = f.user_id
   WHERE f.batch_id = :batch_id AND f.standing > 0 AND f.reached >= 3
)
  SELECT state, CASE WHEN state IN ('failed', 'held') THEN error END AS reason, count(*)::integer AS learners,
         min(CASE WHEN state = 'being-issued' THEN due_at END) AS due_at
    FROM completed
GROUP BY 1, 2
ORDER BY 3 DESC, 1, 2
   LIMIT :limit;
