-- Statements for operators.

-- fragment why
left(regexp_replace(coalesce(error, ''), '\S*\d\S*\d\S*\d\S*\d\S*', '…', 'g'), 200)

-- answers
SELECT 1;

-- is_standby
-- One that was promoted is none any more.
SELECT pg_is_in_recovery();

-- search_answers
-- What the batch search reads; the reference asks whether its search index exists.
SELECT EXISTS (SELECT FROM batch);

-- queue_lengths
-- Counted up to a bound, so that a long queue does not make looking at it slow. `oldest_at`: since when the first waits.
SELECT 'outbox' AS queue, parked,
       count(*) AS length, min(due_at) AS oldest_at
  FROM (SELECT parked, due_at FROM outbox LIMIT :bound) AS waiting
 GROUP BY parked
 UNION ALL
SELECT 'certificate_due', parked,
       count(*), min(due_at)
  FROM (SELECT parked, due_at FROM certificate_due LIMIT :bound) AS waiting
 GROUP BY parked
 UNION ALL
SELECT 'inbox', parked,
       count(*), min(due_at)
  FROM (SELECT parked, due_at FROM inbox WHERE handled_at IS NULL LIMIT :bound) AS waiting
 GROUP BY parked;

-- jobs
SELECT kind, leased_until > :now AS running, failures, last_run_at
  FROM job;

-- newest_migration
SELECT max(name)
  FROM migration;

-- parked
-- What was given up, by what it is and why. Errors may name people: what looks like an id (four digits in a word) is cut out.
  SELECT kind, destination, why, count(*) AS length
    FROM (SELECT 'outbox' AS kind, destination, :{why} AS why
            FROM (SELECT destination, error FROM outbox WHERE parked LIMIT :bound) AS event
           UNION ALL
          SELECT 'certificate_due', NULL, :{why}
            FROM (SELECT error FROM certificate_due WHERE parked LIMIT :bound) AS learner
           UNION ALL
          SELECT 'inbox', NULL, :{why}
            FROM (SELECT error FROM inbox WHERE parked LIMIT :bound) AS message) AS given_up
GROUP BY kind, destination, why
ORDER BY length DESC
   LIMIT :limit;

-- queues
-- As queue_lengths, and the outbox by destination.
SELECT 'outbox' AS kind, destination,
       count(*) FILTER (WHERE NOT parked) AS waiting, count(*) FILTER (WHERE parked) AS parked,
       min(due_at) FILTER (WHERE NOT parked) AS oldest_at
  FROM (SELECT destination, parked, due_at FROM outbox LIMIT :bound) AS event
 GROUP BY destination
 UNION ALL
SELECT 'certificate_due', NULL,
       count(*) FILTER (WHERE NOT parked), count(*) FILTER (WHERE parked), min(due_at) FILTER (WHERE NOT parked)
  FROM (SELECT parked, due_at FROM certificate_due LIMIT :bound) AS learner
 UNION ALL
SELECT 'inbox', NULL,
       count(*) FILTER (WHERE NOT parked), count(*) FILTER (WHERE parked), min(due_at) FILTER (WHERE NOT parked)
  FROM (SELECT parked, due_at FROM inbox WHERE handled_at IS NULL LIMIT :bound) AS message;

-- job_runs
  SELECT kind, running, failures, last_run_at, last_count, :{why} AS last_error
    FROM (SELECT kind, coalesce(leased_until > :now, false) AS running, failures, last_run_at, last_count,
                 last_error AS error
            FROM job) AS run
ORDER BY failures DESC, kind;
