-- Statements about moving over. Tables of the schema takeover; a plan and a verification run the same statements on
-- temporary tables of the same shape (database.of_schema).

-- claim_lease
-- One process moves at a time. Of a dead one the lease ends, and is taken over.
INSERT INTO takeover.lease (what, owner, command, began_at, leased_until)
     VALUES ('move', :owner, :command, :now, :until)
ON CONFLICT (what) DO UPDATE
        SET owner = EXCLUDED.owner, command = EXCLUDED.command, began_at = EXCLUDED.began_at,
            leased_until = EXCLUDED.leased_until
      WHERE lease.leased_until < :now OR lease.owner = EXCLUDED.owner
  RETURNING owner;

-- lease_holder
SELECT owner, command, began_at, leased_until FROM takeover.lease WHERE what = 'move';

-- renew_lease
UPDATE takeover.lease SET leased_until = :until WHERE what = 'move' AND owner = :owner;

-- hold_lease
-- In the transaction that writes: nothing is written by who lost the lease.
SELECT owner FROM takeover.lease WHERE what = 'move' AND owner = :owner FOR SHARE;

-- release_lease
DELETE FROM takeover.lease WHERE what = 'move' AND owner = :owner;

-- begin_pass
INSERT INTO takeover.pass (command, sources, options, guessed, began_at)
     VALUES (:command, :sources, :options, :guessed, :now)
  RETURNING pass_id;

-- end_pass
UPDATE takeover.pass SET ended_at = :now, counts = :counts WHERE pass_id = :pass_id;

-- latest_pass
-- The latest pass of one of these commands.
  SELECT pass_id, command, sources, options, began_at, ended_at, counts
    FROM takeover.pass
   WHERE command = ANY(:commands::text[])
ORDER BY pass_id DESC
   LIMIT 1;

-- forget_chunks
DELETE FROM takeover.chunk;

-- forget_stage
TRUNCATE takeover.stage;

-- forget_slices
DELETE FROM takeover.slice;

-- forget_problems
DELETE FROM takeover.problem;

-- forget_quarantine
DELETE FROM takeover.quarantine;

-- chunks_done
SELECT source, name, first, last, digest, rows, counts FROM takeover.chunk;

-- chunk_done
INSERT INTO takeover.chunk (source, name, first, last, source_table, digest, rows, counts)
     VALUES (:source, :name, :first, :last, :source_table, :digest, :rows, :counts);

-- slices_to_build
-- Those in which somebody is, and that are not built, with how many bytes there are of each.
  SELECT slice, sum(octet_length(body))::bigint AS size
    FROM takeover.stage
   WHERE NOT EXISTS (SELECT FROM takeover.slice AS built WHERE built.slice = stage.slice)
GROUP BY slice
ORDER BY slice;

-- slices_built_now
-- What was counted of them together stands with the first.
INSERT INTO takeover.slice (slice, counts)
SELECT slice, CASE WHEN place = 1 THEN :counts::jsonb ELSE '{}' END
  FROM unnest(:slices::smallint[]) WITH ORDINALITY AS built (slice, place);

-- slices_built
SELECT slice, counts FROM takeover.slice;

-- staged_learners
-- All that is staged of some slices, a learner after the other, a row a kind: its bodies, with commas between.
  SELECT user_id, kind, string_agg(body, ','::bytea) AS bodies
    FROM takeover.stage
   WHERE slice = ANY(:slices::smallint[])
GROUP BY slice, user_id, kind
ORDER BY slice, user_id, kind;

-- save_problems
INSERT INTO takeover.problem (kind, key, said, of_batches)
SELECT kind, ARRAY(SELECT jsonb_array_elements_text(key)), said, :of_batches
  FROM unnest(:kinds::text[], :keys::jsonb[], :said::jsonb[]) AS given (kind, key, said);

-- save_quarantine
INSERT INTO takeover.quarantine (kind, source_table, key, mark, sealed_row)
SELECT kind, source_table, ARRAY(SELECT jsonb_array_elements_text(key)), mark, sealed_row
  FROM unnest(:kinds::text[], :tables::text[], :keys::jsonb[], :marks::text[], :rows::bytea[])
    AS given (kind, source_table, key, mark, sealed_row);

-- forget_problems_of_batches
-- Batches are converted again by every run until they are right, and so are their problems.
DELETE FROM takeover.problem WHERE of_batches;

-- forget_held_batches
DELETE FROM takeover.quarantine WHERE source_table = 'course_batch';

-- problem_counts
SELECT kind, count(*) AS count FROM takeover.problem GROUP BY kind ORDER BY kind;

-- problems_of_kind
-- A page of the problems of a kind, in the order of their keys' writing.
  SELECT problem_id, kind, key, said
    FROM takeover.problem
   WHERE kind = :kind AND problem_id > :after
ORDER BY problem_id
   LIMIT :limit;

-- held_counts
SELECT kind, count(*) AS count FROM takeover.quarantine GROUP BY kind ORDER BY kind;

-- held_rows
  SELECT row_id, kind, source_table, key, mark, sealed_row
    FROM takeover.quarantine
   WHERE row_id > :after
ORDER BY row_id
   LIMIT :limit;

-- stored_batches
SELECT batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors, start_date, end_date,
       enrolment_end_date, status, templates, created_at, updated_at
  FROM batch
 WHERE batch_id = ANY(:batch_ids::text[]);

-- save_batches
-- All that the source has of a batch; what is ours alone (capacity, zone, leave policy) stays.
INSERT INTO batch AS stored (batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors,
                             start_date, end_date, enrolment_end_date, status, due_on, templates, created_at,
                             updated_at, enrolment_closes_on, enrolment_closes_before)
SELECT batch_id, course_id, name, description, enrolment_type, created_by,
       ARRAY(SELECT jsonb_array_elements_text(created_for)), ARRAY(SELECT jsonb_array_elements_text(mentors)),
       start_date, end_date, enrolment_end_date, status, due_on, templates, created_at, updated_at, closes_on,
       :closes_days_before
  FROM unnest(:batch_ids::text[], :course_ids::text[], :names::text[], :descriptions::text[], :enrolment_types::text[],
              :creators::text[], :created_for::jsonb[], :mentors::jsonb[], :start_dates::date[], :end_dates::date[],
              :enrolment_end_dates::date[], :statuses::smallint[], :due_on::date[], :templates::jsonb[],
              :created_at::timestamptz[], :updated_at::timestamptz[], :closes_on::date[])
    AS given (batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors, start_date,
              end_date, enrolment_end_date, status, due_on, templates, created_at, updated_at, closes_on)
ON CONFLICT (batch_id) DO UPDATE
        SET course_id = EXCLUDED.course_id, name = EXCLUDED.name, description = EXCLUDED.description,
            enrolment_type = EXCLUDED.enrolment_type, created_by = EXCLUDED.created_by,
            created_for = EXCLUDED.created_for, mentors = EXCLUDED.mentors, start_date = EXCLUDED.start_date,
            end_date = EXCLUDED.end_date, enrolment_end_date = EXCLUDED.enrolment_end_date,
            status = EXCLUDED.status, due_on = EXCLUDED.due_on, templates = EXCLUDED.templates,
            created_at = EXCLUDED.created_at, updated_at = EXCLUDED.updated_at,
            enrolment_closes_on = EXCLUDED.enrolment_closes_on,
            enrolment_closes_before = EXCLUDED.enrolment_closes_before, revision = stored.revision + 1;

-- stored_enrolments
-- Of these learners, in all batches.
SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage,
       completed_at, last_read_content_id, last_read_content_status, last_access_at, updated_at,
       coalesce(states_text, states::text) AS states, scores::text AS scores, certificates, revision
  FROM enrolment
 WHERE user_id = ANY(:user_ids::text[]);

-- stored_attempts
SELECT user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions, created_at,
       updated_at
  FROM attempt
 WHERE user_id = ANY(:user_ids::text[]);

-- stored_certificates
SELECT user_id, certificate_id, batch_id, course_id, name, source, status, issued_at, template_id, token, sealed_record,
       changed_at
  FROM imported_certificate
 WHERE user_id = ANY(:user_ids::text[]);

-- update_enrolments
UPDATE enrolment
   SET course_id = given.course_id, active = given.active, added_by = given.added_by, added_how = given.added_how,
       enrolled_at = given.enrolled_at, status = given.status, progress = given.progress,
       percentage = given.percentage, completed_at = given.completed_at,
       last_read_content_id = given.last_read_content_id, last_read_content_status = given.last_read_content_status,
       last_access_at = given.last_access_at, updated_at = given.updated_at,
       states_text = given.states, states = NULL, scores = given.scores, certificates = given.certificates,
       revision = enrolment.revision + 1
  FROM unnest(:user_ids::text[], :batch_ids::text[], :course_ids::text[], :active::boolean[], :added_by::text[],
              :added_how::text[], :enrolled_at::timestamptz[], :statuses::smallint[], :progress::integer[],
              :percentages::smallint[], :completed_at::timestamptz[], :last_read_content_ids::text[],
              :last_read_content_statuses::smallint[], :last_access_at::timestamptz[], :updated_at::timestamptz[],
              :states::text[], :scores::jsonb[], :certificates::jsonb[])
    AS given (user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage,
              completed_at, last_read_content_id, last_read_content_status, last_access_at, updated_at, states, scores,
              certificates)
 WHERE enrolment.user_id = given.user_id AND enrolment.batch_id = given.batch_id;

-- update_attempts
UPDATE attempt
   SET course_id = given.course_id, attempted_ms = given.attempted_ms, score = given.score,
       max_score = given.max_score, questions = given.questions, updated_at = given.updated_at
  FROM unnest(:user_ids::text[], :batch_ids::text[], :content_ids::text[], :attempt_ids::text[], :course_ids::text[],
              :attempted_ms::bigint[], :scores::double precision[], :max_scores::double precision[], :questions::jsonb[],
              :updated_at::timestamptz[])
    AS given (user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions,
              updated_at)
 WHERE attempt.user_id = given.user_id AND attempt.batch_id = given.batch_id
   AND attempt.content_id = given.content_id AND attempt.attempt_id = given.attempt_id;

-- delete_imported
-- Those that are written again in this transaction.
DELETE FROM imported_certificate
 WHERE (user_id, certificate_id) IN (SELECT * FROM unnest(:user_ids::text[], :certificate_ids::text[]));

-- learners_of_ours_alone
-- Learners in the target of whom the source has no row; only in batches that the source has.
  SELECT DISTINCT enrolment.user_id, enrolment.batch_id
    FROM enrolment
   WHERE enrolment.batch_id = ANY(:batch_ids::text[])
     AND NOT EXISTS (SELECT FROM takeover.stage WHERE stage.user_id = enrolment.user_id)
ORDER BY enrolment.user_id, enrolment.batch_id
   LIMIT :limit;

-- sharded learners_of_ours_alone
WITH listed AS MATERIALIZED (
  SELECT DISTINCT user_id, batch_id FROM enrolment WHERE batch_id = ANY(:batch_ids::text[])
)
  SELECT user_id, batch_id
    FROM listed
   WHERE NOT EXISTS (SELECT FROM takeover.stage WHERE stage.user_id = listed.user_id)
ORDER BY user_id, batch_id
   LIMIT :limit;

-- remove_enrolments
DELETE FROM enrolment
 USING unnest(:user_ids::text[], :batch_ids::text[]) AS gone (user_id, batch_id)
 WHERE enrolment.user_id = gone.user_id AND enrolment.batch_id = gone.batch_id;

-- remove_attempts_of
DELETE FROM attempt
 USING unnest(:user_ids::text[], :batch_ids::text[]) AS gone (user_id, batch_id)
 WHERE attempt.user_id = gone.user_id AND attempt.batch_id = gone.batch_id;

-- save_keys
INSERT INTO imported_key AS stored (key_id, pem)
SELECT key_id, pem FROM unnest(:key_ids::text[], :pems::text[]) AS given (key_id, pem)
ON CONFLICT (key_id) DO UPDATE SET pem = EXCLUDED.pem WHERE stored.pem <> EXCLUDED.pem;

-- indexes_of_empty_tables
-- Of these, those whose table holds nothing yet, with the statements that build them.
SELECT given.name, pg_get_indexdef(given.name::regclass) AS definition
  FROM unnest(:names::text[]) AS given (name)
  JOIN pg_index AS index ON index.indexrelid = to_regclass(given.name)
 WHERE CASE WHEN index.indrelid = 'enrolment'::regclass THEN NOT EXISTS (SELECT FROM enrolment)
            WHEN index.indrelid = 'attempt'::regclass THEN NOT EXISTS (SELECT FROM attempt)
            ELSE false END;

-- set_index_aside
INSERT INTO takeover.set_aside (name, definition) VALUES (:name, :definition);

-- indexes_set_aside
SELECT name, definition FROM takeover.set_aside ORDER BY name;

-- index_is_back
DELETE FROM takeover.set_aside WHERE name = :name;

-- learners_drawn
-- The enrolments of some learners, the same ones whenever the same seed draws of the same learners.
  SELECT user_id, batch_id, course_id
    FROM enrolment
   WHERE user_id IN (SELECT user_id
                       FROM (SELECT DISTINCT user_id FROM enrolment) AS learner
                   ORDER BY md5(user_id || :seed)
                      LIMIT :count)
ORDER BY user_id, batch_id;

-- writes_done
SELECT digest FROM takeover.played WHERE digest = ANY(:digests::bytea[]);

-- remember_writes
INSERT INTO takeover.played (digest) SELECT unnest(:digests::bytea[]) ON CONFLICT DO NOTHING;

-- forget_writes
TRUNCATE takeover.played;

-- guessed_of_pass
SELECT guessed FROM takeover.pass WHERE pass_id = :pass_id;

-- batches_since
-- Those changed since a moment; null: all.
  SELECT batch_id, course_id, name, description, enrolment_type, created_by, created_for, mentors, start_date, end_date,
         enrolment_end_date, status, templates, created_at, updated_at
    FROM batch
   WHERE :since::timestamptz IS NULL OR coalesce(updated_at, created_at) > :since
ORDER BY batch_id;

-- enrolments_since
  SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage,
         completed_at, last_read_content_id, last_read_content_status, last_access_at, updated_at,
         coalesce(states_text, states::text) AS states, scores::text AS scores, certificates, revision
    FROM enrolment
   WHERE :since::timestamptz IS NULL OR updated_at > :since
ORDER BY user_id, batch_id;

-- attempts_since
  SELECT user_id, batch_id, content_id, attempt_id, course_id, attempted_ms, score, max_score, questions, created_at,
         updated_at
    FROM attempt
   WHERE :since::timestamptz IS NULL OR updated_at > :since
ORDER BY user_id, batch_id, content_id, attempt_id;

-- losses
-- What the source has no column for (M46).
SELECT 'capacity' AS what, count(*) AS count FROM batch WHERE capacity IS NOT NULL
 UNION ALL
SELECT 'leave policy', count(*) FROM batch WHERE leave_policy IS NOT NULL
 UNION ALL
SELECT 'time zone of a batch', count(*) FROM batch WHERE time_zone IS NOT NULL
 UNION ALL
SELECT 'first day of enrolment', count(*) FROM batch WHERE enrolment_start_date IS NOT NULL
 UNION ALL
SELECT 'certificate of ours, of which the entry is kept', count(*) FROM certificate
 UNION ALL
SELECT 'content of which each view is known', count(*)
  FROM enrolment, jsonb_each(coalesce(states_text::jsonb, states)) AS state
 WHERE jsonb_typeof(state.value -> 8) = 'array';
