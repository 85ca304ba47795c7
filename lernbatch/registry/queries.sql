-- Statements of the registries' paths.

-- owners_of
-- Whose the batches are that somebody's certificates come from.
SELECT batch_id, created_by, mentors, created_for FROM batch WHERE batch_id = ANY (:batch_ids::text[]);
