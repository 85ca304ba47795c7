-- Statements about bulk enrolment.

-- insert_process
INSERT INTO bulk_process (process_id, kind, uploaded_by, reach, uploaded_at, rows, people)
VALUES (:process_id, :kind, :uploaded_by, :reach, :now, :rows, :people);

-- insert_rows
INSERT INTO bulk_row (process_id, row_number, batch_id, user_ids, error)
SELECT :process_id, row_number, batch_id, user_ids, error
  FROM unnest(:row_numbers::integer[], :batch_ids::text[], :user_ids::text[], :errors::text[])
       AS line (row_number, batch_id, user_ids, error);

-- insert_people
INSERT INTO bulk_person (process_id, place, row_number, batch_id, user_id)
SELECT :process_id, :after + place, row_number, batch_id, user_id
  FROM unnest(:row_numbers::integer[], :batch_ids::text[], :user_ids::text[])
       WITH ORDINALITY AS person (row_number, batch_id, user_id, place);

-- process_by_id
SELECT process_id, kind, uploaded_by, reach, status, people, done, link_token, link_until
  FROM bulk_process
 WHERE process_id = :process_id;

-- organisations_of_file
-- For whom the batches of its lines are; lines that name no batch that exists count for nobody.
SELECT DISTINCT batch.created_for
  FROM bulk_row
  JOIN batch ON batch.batch_id = bulk_row.batch_id
 WHERE bulk_row.process_id = :process_id;

-- open_process
-- The file that waits longest.
  SELECT process_id, kind, uploaded_by, reach, status, people, done, link_token, link_until
    FROM bulk_process
   WHERE status < 3
ORDER BY uploaded_at
   LIMIT 1;

-- lock_process
-- Whoever works on a file holds it, so that no other process does the same people.
SELECT process_id FROM bulk_process WHERE process_id = :process_id AND status < 3 FOR UPDATE;

-- people_to_do
  SELECT place, row_number, batch_id, user_id, outcome
    FROM bulk_person
   WHERE process_id = :process_id
     AND outcome IS NULL
ORDER BY place
   LIMIT :limit;

-- set_outcomes
UPDATE bulk_person
   SET outcome = done.outcome
  FROM unnest(:places::integer[], :outcomes::text[]) AS done (place, outcome)
 WHERE bulk_person.process_id = :process_id
   AND bulk_person.place = done.place;

-- save_advance
UPDATE bulk_process
   SET status = :status, done = done + :count, started_at = coalesce(started_at, :now), ended_at = :ended_at
 WHERE process_id = :process_id;

-- set_link
UPDATE bulk_process SET link_token = :link_token, link_until = :link_until WHERE process_id = :process_id;

-- lines_of
  SELECT row_number, batch_id, user_ids, error
    FROM bulk_row
   WHERE process_id = :process_id
ORDER BY row_number;

-- people_of
  SELECT place, row_number, batch_id, user_id, outcome
    FROM bulk_person
   WHERE process_id = :process_id
ORDER BY place;

-- members
SELECT user_id, active, status, added_how
  FROM enrolment
 WHERE batch_id = :batch_id
   AND (active OR user_id = ANY(:user_ids::text[]));

-- insert_change
INSERT INTO roster_change (change_id, batch_id, applied_by, applied_at, added, returned, removed)
VALUES (:change_id, :batch_id, :applied_by, :now, :added, :returned, :removed);

-- change_by_id
SELECT change_id, batch_id, added, returned, removed, undone_at
  FROM roster_change
 WHERE change_id = :change_id;

-- changes_of_batch
  SELECT change_id, applied_by, applied_at, cardinality(added) AS added, cardinality(returned) AS returned,
         cardinality(removed) AS removed, undone_at
    FROM roster_change
   WHERE batch_id = :batch_id AND applied_at >= :since
ORDER BY applied_at DESC, change_id
   LIMIT :limit;

-- insert_draft
INSERT INTO roster_draft (draft_id, batch_id, made_by, made_at, user_ids, sealed)
VALUES (:draft_id, :batch_id, :made_by, :now, :user_ids, :sealed);

-- draft_by_id
SELECT sealed FROM roster_draft WHERE draft_id = :draft_id AND batch_id = :batch_id AND made_by = :made_by;

-- drafts_of
-- A batch's that somebody made, the newest first. They are few: each is forgotten after a week.
  SELECT draft_id, made_at
    FROM roster_draft
   WHERE batch_id = :batch_id AND made_by = :made_by
ORDER BY made_at DESC
   LIMIT :limit;

-- sealed_drafts
  SELECT draft_id AS about, sealed
    FROM roster_draft
   WHERE draft_id > :after
ORDER BY draft_id
   LIMIT :limit;

-- reseal_drafts
UPDATE roster_draft d
   SET sealed = new.sealed
  FROM unnest(:abouts::text[], :before::bytea[], :sealed::bytea[]) AS new (about, before, sealed)
 WHERE d.draft_id = new.about AND d.sealed = new.before;

-- delete_draft
DELETE FROM roster_draft WHERE draft_id = :draft_id;

-- forget_drafts
DELETE FROM roster_draft
 WHERE draft_id IN (SELECT draft_id FROM roster_draft WHERE made_at < :before LIMIT :limit);

-- lock_change
SELECT change_id, batch_id, added, returned, removed, undone_at
  FROM roster_change
 WHERE change_id = :change_id
   FOR UPDATE;

-- save_undone
UPDATE roster_change SET undone_at = :now WHERE change_id = :change_id;

-- forget_people
-- Of files that were done long ago; before their processes, so that no statement deletes without a bound.
DELETE FROM bulk_person
 WHERE (process_id, place) IN (SELECT person.process_id, person.place
                                 FROM bulk_process process
                                 JOIN bulk_person person ON person.process_id = process.process_id
                                WHERE process.status = 3
                                  AND process.ended_at < :before
                                LIMIT :limit);

-- forget_rows
DELETE FROM bulk_row
 WHERE (process_id, row_number) IN (SELECT line.process_id, line.row_number
                                      FROM bulk_process process
                                      JOIN bulk_row line ON line.process_id = process.process_id
                                     WHERE process.status = 3
                                       AND process.ended_at < :before
                                     LIMIT :limit);

-- forget_processes
-- Those that nothing is left of.
DELETE FROM bulk_process
 WHERE process_id IN (SELECT process_id
                        FROM bulk_process process
                       WHERE status = 3
                         AND ended_at < :before
                         AND NOT EXISTS (SELECT FROM bulk_person person WHERE person.process_id = process.process_id)
                         AND NOT EXISTS (SELECT FROM bulk_row line WHERE line.process_id = process.process_id)
                       LIMIT :limit);

-- forget_changes
-- What cannot be undone any more.
DELETE FROM roster_change
 WHERE change_id IN (SELECT change_id FROM roster_change WHERE applied_at < :before LIMIT :limit);
