-- Statements for operators.

-- answers
SELECT 1;

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
 GROUP BY parked;

-- jobs
SELECT kind, leased_until > :now AS running, failures, last_run_at
  FROM job;

-- newest_migration
SELECT max(name)
  FROM migration;
