-- Statements of the worker.

-- claim_job
-- One process runs a job of its kind at a time: the lease is a row, so a killed process's job is taken over.
   INSERT INTO job (kind, next_run_at, leased_by, leased_until)
   VALUES (:kind, :now, :owner, :until)
ON CONFLICT (kind) DO UPDATE
      SET leased_by = :owner, leased_until = :until
    WHERE job.next_run_at <= :now
      AND (job.leased_until IS NULL OR job.leased_until < :now)
RETURNING kind;

-- renew_job
UPDATE job SET leased_until = :until
 WHERE kind = :kind AND leased_by = :owner;

-- finish_job
UPDATE job
   SET next_run_at = :next_run_at, leased_by = NULL, leased_until = NULL,
       last_run_at = :now, last_count = :count, failures = :failures, last_error = :error
 WHERE kind = :kind AND leased_by = :owner;

-- run_soon
-- Pressed twice, it is due once.
UPDATE job SET next_run_at = :now WHERE kind = :kind AND next_run_at > :now;

-- job_failures
SELECT failures FROM job WHERE kind = :kind;
