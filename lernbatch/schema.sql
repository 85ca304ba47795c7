-- The database as it is today: the picture to read first. Kept by hand beside the migrations; a test proves that all
-- migrations together make exactly this. Instants end in _at and are UTC; days end in _on or _date and belong to the
-- batch's zone. Everything about a learner begins with user_id, so that the tables can be distributed by it.

-- One row: a course as it was published once. A batch may pin a version; the newest serves the others.
-- `content` is the course's metadata as the content service gave it, `tree` what course.model reads from its hierarchy.
CREATE TABLE course (
  course_id   text        NOT NULL,
  version     text        NOT NULL, -- the content service's version key, so a republished course is another row
  name        text        NOT NULL,
  status      text        NOT NULL, -- Live, Unlisted, Retired …
  channel     text        NOT NULL DEFAULT '',
  content     jsonb       NOT NULL,
  tree        jsonb       NOT NULL,
  fetched_at  timestamptz NOT NULL,
  PRIMARY KEY (course_id, version)
);

-- One row: a course offered to people between two dates.
CREATE TABLE batch (
  batch_id             text        PRIMARY KEY,
  course_id            text        NOT NULL,
  course_version       text,                         -- the version it runs on; null: the newest
  name                 text        NOT NULL,
  description          text,
  enrolment_type       text        NOT NULL,         -- 'open' or 'invite-only', spelled as the caller did
  created_by           text,
  created_for          text[]      NOT NULL DEFAULT '{}', -- organisations
  mentors              text[]      NOT NULL DEFAULT '{}',
  start_date           date        NOT NULL,
  end_date             date,                         -- its last day; null: open ended
  enrolment_start_date date,
  enrolment_end_date   date,                         -- as the caller set it; null: see enrolment_closes_on
  time_zone            text,                         -- null: the installation's
  capacity             integer,                      -- null: unbounded
  leave_policy         text,                         -- null: always
  status               smallint    NOT NULL,         -- 0 upcoming, 1 ongoing, 2 ended; rules.status_on is the truth
  due_on               date,                         -- the day on which status stops being right; null: never
  templates            jsonb       NOT NULL DEFAULT '{}', -- template id → what to award, to whom
  created_at           timestamptz NOT NULL,
  updated_at           timestamptz,
  revision             bigint      NOT NULL DEFAULT 1, -- counts changes, so two mentors do not overwrite each other
  enrolment_closes_on  date,                         -- the last day of enrolment, by rules.enrolment_end; null: none
  enrolment_closes_before smallint,                  -- the setting by which it was worked out; null: not yet
  CHECK (status IN (0, 1, 2)),
  CHECK (end_date IS NULL OR end_date >= start_date), -- one day: only what is imported; dates.check_end
  CHECK (capacity IS NULL OR capacity > 0),
  CHECK (leave_policy IN ('always', 'until-start', 'never'))
);

CREATE INDEX batch_due ON batch (due_on) WHERE due_on IS NOT NULL; -- batch.batches_due
CREATE INDEX batch_closing ON batch (enrolment_closes_before);      -- batch.batches_closing_otherwise
CREATE INDEX batch_of_course ON batch (course_id, status);         -- the batches of a course

-- Searching batches (batch/search/fragments.sql): letter case never counts, and words are found in any script.

-- The texts in lower case. Every expression on lists of ids goes through this, so that an index can hold it.
CREATE FUNCTION lowered(texts text[]) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT lower(entry) FROM unnest(texts) AS entry);

-- What a text query looks in: the beginning of a batch's name and description, in one spelling of composed letters.
CREATE FUNCTION batch_words(name text, description text) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN lower(normalize(left(name || ' ' || coalesce(description, ''), 2000)));

-- Every three neighbouring characters of a text, each once.
CREATE FUNCTION trigrams(words text) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT DISTINCT substr(words, at, 3) FROM generate_series(1, length(words) - 2) AS at);

CREATE INDEX batch_id_search ON batch (lower(batch_id));                             -- by ids
CREATE INDEX batch_course_search ON batch (lower(course_id), status);               -- by course, the commonest
CREATE INDEX batch_creator_search ON batch (lower(created_by));                     -- mine
CREATE INDEX batch_mentors_search ON batch USING gin (lowered(mentors));            -- those I mentor
CREATE INDEX batch_created_for_search ON batch USING gin (lowered(created_for));    -- my organisation's
CREATE INDEX batch_words_search ON batch USING gin (trigrams(batch_words(name, description))); -- parts of words
CREATE INDEX batch_newest ON batch (created_at DESC NULLS LAST, batch_id DESC);     -- the newest of very many
CREATE INDEX batch_zones ON batch (time_zone) WHERE time_zone IS NOT NULL;          -- batch.zones_in_use

-- One row: a course whose list of batches the content service shows. Whoever changes a batch of the course writes this
-- row first, so that two changes at once wait for each other and no published list lacks one of them.
CREATE TABLE batch_listing (
  course_id text        PRIMARY KEY,
  told_at   timestamptz NOT NULL,              -- when the list was last put into the outbox
  due       boolean     NOT NULL DEFAULT false -- to be published again: somebody requested it (data sync)
);

CREATE INDEX batch_listing_due ON batch_listing (course_id) WHERE due; -- batch.claim_listings

-- One row: the outcome of a call that carried an Idempotency-Key, kept for a day, so that its repetition gets the same.
CREATE TABLE idempotency_key (
  scope      text        NOT NULL, -- method, path and caller
  key        text        NOT NULL,
  body_hash  text        NOT NULL, -- of the request, so that another one under the same key is noticed
  answer     jsonb       NOT NULL, -- what the answer is shown from: the id of the batch that was made
  created_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_key_age ON idempotency_key (created_at); -- web.forget_answers

-- One row: how often a caller did something in a minute, in all processes together (web.rates); forgotten after two. Not
-- logged: after a crash counting begins anew. The hash is of the minute, what is counted, and the caller.
CREATE UNLOGGED TABLE rate_count (
  minute      timestamptz NOT NULL,
  caller_hash bytea       NOT NULL,
  times       integer     NOT NULL,
  PRIMARY KEY (minute, caller_hash)
);

-- One row: one learner in one batch, with everything the learner has done there. Unenrolled is inactive, not gone.
-- No index stands on a column that progress changes, so that updates stay heap-only; hence the fill factor.
-- A large installation has it in parts by user_id, and `attempt` likewise: see database.partitioning.
CREATE TABLE enrolment (
  user_id                  text        NOT NULL,
  batch_id                 text        NOT NULL,
  course_id                text        NOT NULL,
  active                   boolean     NOT NULL,
  added_by                 text,
  added_how                text        NOT NULL DEFAULT 'self', -- self, hand (a mentor), file (a bulk enrolment)
  enrolled_at              timestamptz NOT NULL,
  status                   smallint    NOT NULL DEFAULT 0, -- 0 not started, 1 started, 2 completed: never goes back
  progress                 integer     NOT NULL DEFAULT 0, -- required leaf nodes completed
  percentage               smallint    NOT NULL DEFAULT 0,
  completed_at             timestamptz,
  last_read_content_id     text,
  last_read_content_status smallint,
  last_access_at           timestamptz,
  updated_at               timestamptz NOT NULL,
  states                   jsonb       DEFAULT '{}', -- as states_text, of a row that is not written since; goes one day
  scores                   jsonb       NOT NULL DEFAULT '{}', -- content id → [best score, its max score, attempts]
  certificates             jsonb       NOT NULL DEFAULT '[]', -- the contract's issued_certificates
  revision                 bigint      NOT NULL DEFAULT 1,    -- counts writes of progress: the guard against lost ones
  left_at                  timestamptz,                       -- the last time
  returned_at              timestamptz,                       -- likewise
  states_text              text, -- JSON, content id → see progress.model.ContentState: text, so that it is not parsed here
  PRIMARY KEY (user_id, batch_id),
  CHECK (status IN (0, 1, 2)),
  CHECK (percentage BETWEEN 0 AND 100),
  CONSTRAINT enrolment_states CHECK (num_nonnulls(states, states_text) = 1)
) WITH (fillfactor = 70);

CREATE INDEX enrolment_of_batch ON enrolment (batch_id, user_id) WHERE active; -- all that is asked per batch
CREATE INDEX enrolment_added_by_other ON enrolment (added_by) WHERE added_by <> user_id; -- erasure.erase_adder

-- Compressed, but kept beside the row as long as a page holds it: out of line, every update would write twice.
ALTER TABLE enrolment ALTER COLUMN states SET STORAGE MAIN;
ALTER TABLE enrolment ALTER COLUMN states_text SET STORAGE MAIN;
-- And these two, or they would be moved out of line first to make room for it.
ALTER TABLE enrolment ALTER COLUMN scores SET STORAGE MAIN;
ALTER TABLE enrolment ALTER COLUMN certificates SET STORAGE MAIN;

-- One row: how far one learner is in one content; `states` with names, for people and analysts. Nothing happened after
-- this service was told of it, whatever a phone's clock said (progress.rules.accessed_ms).
CREATE VIEW content_state AS
SELECT e.user_id, e.batch_id, e.course_id, state.key AS content_id,
       (state.value ->> 0)::smallint AS status,
       (state.value ->> 1)::integer AS progress,
       (state.value ->> 2)::integer AS views,
       (state.value ->> 3)::integer AS completions,
       CASE WHEN state.value ->> 4 IS NOT NULL
            THEN to_timestamp(least((state.value ->> 4)::bigint, (state.value ->> 6)::bigint) / 1000.0)
        END AS last_access_at,
       CASE WHEN state.value ->> 5 IS NOT NULL
            THEN to_timestamp(least((state.value ->> 5)::bigint, (state.value ->> 6)::bigint) / 1000.0)
        END AS last_completed_at,
       to_timestamp((state.value ->> 6)::bigint / 1000.0) AS last_updated_at,
       state.value -> 7 -> 1 AS details
  FROM enrolment e
 CROSS JOIN LATERAL jsonb_each(coalesce(e.states_text::jsonb, e.states)) AS state;

-- One row: one uploaded file of people. 0 not begun → 1 under way → 3 done.
CREATE TABLE bulk_process (
  process_id  text        PRIMARY KEY,
  kind        text        NOT NULL,           -- the contract's objectType
  uploaded_by text,
  uploaded_at timestamptz NOT NULL,
  status      smallint    NOT NULL DEFAULT 0,
  started_at  timestamptz,
  ended_at    timestamptz,
  rows        integer     NOT NULL,
  people      integer     NOT NULL,           -- of the file, to be done
  done        integer     NOT NULL DEFAULT 0, -- of them
  link_token  text,                           -- opens the result file until link_until
  link_until  timestamptz,
  reach       text[]      DEFAULT '{}',       -- organisations that the uploader administers; null: all
  CHECK (kind IN ('batchLearnerEnrol', 'batchLearnerUnenrol')),
  CHECK (status IN (0, 1, 3))
);

CREATE INDEX bulk_process_open ON bulk_process (uploaded_at) WHERE status < 3; -- bulk.open_process
CREATE INDEX bulk_process_done ON bulk_process (ended_at) WHERE status = 3; -- bulk.forget_processes

-- One row: one line of the file as it was, row_number being the file's; of one that is not done the beginning; `error`: why nobody of it is done.
CREATE TABLE bulk_row (
  process_id text    NOT NULL REFERENCES bulk_process ON DELETE CASCADE,
  row_number integer NOT NULL,
  batch_id   text,
  user_ids   text,
  error      text,
  PRIMARY KEY (process_id, row_number)
);

-- One row: one person of a line. `outcome` null: still to be done; else SUCCESS, or why not.
CREATE TABLE bulk_person (
  process_id text    NOT NULL REFERENCES bulk_process ON DELETE CASCADE,
  place      integer NOT NULL,
  row_number integer NOT NULL,
  batch_id   text    NOT NULL,
  user_id    text    NOT NULL,
  outcome    text,
  PRIMARY KEY (process_id, place)
);

CREATE INDEX bulk_person_of_user ON bulk_person (user_id); -- erasure.erase_people
CREATE INDEX bulk_person_open ON bulk_person (process_id, place) WHERE outcome IS NULL; -- bulk.people_to_do

-- One row: one plan for a batch's people that was carried out, so that it can be undone.
CREATE TABLE roster_change (
  change_id  text        PRIMARY KEY,
  batch_id   text        NOT NULL,
  applied_by text,
  applied_at timestamptz NOT NULL,
  added      text[]      NOT NULL,
  returned   text[]      NOT NULL,
  removed    text[]      NOT NULL,
  undone_at  timestamptz
);

CREATE INDEX roster_change_age ON roster_change (applied_at); -- bulk.forget_changes
CREATE INDEX roster_change_of_batch ON roster_change (batch_id, applied_at); -- bulk.changes_of_batch

-- One row: a roster that somebody has uploaded and not decided on yet, with its plan; sealed, for it names people.
CREATE TABLE roster_draft (
  draft_id text        PRIMARY KEY,
  batch_id text        NOT NULL,
  made_by  text        NOT NULL,
  made_at  timestamptz NOT NULL,
  user_ids text[]      NOT NULL, -- whom it names, so that they can be forgotten
  sealed   bytea       NOT NULL
);

CREATE INDEX roster_draft_age ON roster_draft (made_at); -- bulk.forget_drafts

-- One row: a republished course whose enrolments are being recomputed, and the last key done.
CREATE TABLE adoption (
  course_id      text    PRIMARY KEY,
  version        text    NOT NULL,
  after_user_id  text    NOT NULL,
  after_batch_id text    NOT NULL,
  is_done        boolean NOT NULL
);

-- One row: an account whose learning was given to another, so that it is given once.
CREATE TABLE merged_account (
  user_id   text        PRIMARY KEY,
  into_id   text        NOT NULL,
  merged_at timestamptz NOT NULL
);

CREATE INDEX merged_account_into ON merged_account (into_id); -- certificate.decided_before_merge

-- One row: an account whose tokens count no more, or count again: it was deleted, or merged into another.
CREATE TABLE ended_account (
  user_id    text        PRIMARY KEY,
  is_ended   boolean     NOT NULL,
  changed_at timestamptz NOT NULL
);
CREATE INDEX ended_account_changed ON ended_account (changed_at); -- what is new, every few seconds

-- One row: an account that is being erased, and the name that stands for it in what stays. Deleted with the last trace.
CREATE TABLE erasure (
  user_id   text        PRIMARY KEY,
  pseudonym text        NOT NULL, -- random, so that nobody can tell afterwards whose it was
  asked_at  timestamptz NOT NULL
);

-- One row: an act on others, a read of many people's data, or a refusal. An act is noted as begun before it is done, so
-- that none is without its row; `begun` that stays is one whose process died.
CREATE TABLE audit (
  audit_id     bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  noted_at     timestamptz NOT NULL,
  what         text        NOT NULL, -- see web.audit.AUDITED; of a refusal the method and path of its route
  outcome      text        NOT NULL,
  who          text,                 -- null: nobody who is known
  whom         text[]      NOT NULL DEFAULT '{}', -- the first hundred
  about        text,                 -- the batch, certificate, file … that it was about
  from_address text,
  request_id   text,
  times        integer     NOT NULL DEFAULT 1, -- refusals of one kind and minute beyond the first few are counted
  CHECK (outcome IN ('begun', 'done', 'refused', 'failed')),
  CHECK (cardinality(whom) <= 100)
);

CREATE INDEX audit_age ON audit (noted_at);                 -- web.forget_notes
CREATE INDEX audit_of_who ON audit (who, noted_at);         -- web.notes
CREATE INDEX audit_of_whom ON audit USING gin (whom);       -- web.notes

CREATE INDEX enrolment_of_batch_left ON enrolment (batch_id, user_id) WHERE NOT active; -- who left

-- One row: somebody who is signed in to the console. It ends after 12 hours, or 2 without a request: session.rules.ended.
CREATE TABLE console_session (
  session_id bytea       PRIMARY KEY, -- SHA-256 of the cookie's value
  user_id    text,                 -- null: signing in, at the provider; it ends after 10 minutes
  sealed     bytea       NOT NULL, -- name, tokens and the secret of the forms, or state and nonce; bound to session_id
  kept       bytea,                -- a form that was sent after the last session had ended, sealed too
  created_at timestamptz NOT NULL,
  used_at    timestamptz NOT NULL, -- of the last request, to the minute
  ends_at    timestamptz NOT NULL
);

CREATE INDEX console_session_of_user ON console_session (user_id); -- session.sessions_of
CREATE INDEX console_session_age ON console_session (ends_at);     -- session.forget_sessions

-- One row: a change of a batch's dates, places or rules, for who manages it.
CREATE TABLE batch_change (
  batch_id   text        NOT NULL,
  revision   integer     NOT NULL, -- of the batch since then
  changed_at timestamptz NOT NULL,
  changed_by text,                 -- null: nobody who is known
  fields     jsonb       NOT NULL, -- name → before and after; null of those that hold ids
  PRIMARY KEY (batch_id, revision)
);

CREATE INDEX batch_change_of_changer ON batch_change (changed_by) WHERE changed_by IS NOT NULL; -- erasure.erase_batch_changes

-- One row: a list with a filter that somebody has kept under a name of their own.
CREATE TABLE saved_view (
  user_id  text        NOT NULL,
  page     text        NOT NULL, -- batches, learners
  name     text        NOT NULL,
  query    text        NOT NULL, -- of its address; nobody's name is in it
  saved_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, page, name)
);

-- One row: one try of a learner at one question set.
CREATE TABLE attempt (
  user_id      text             NOT NULL,
  batch_id     text             NOT NULL,
  content_id   text             NOT NULL,
  attempt_id   text             NOT NULL, -- chosen by the client
  course_id    text             NOT NULL,
  attempted_ms bigint           NOT NULL, -- the client's assessmentTs: a later one of the same attempt replaces it
  score        double precision NOT NULL,
  max_score    double precision NOT NULL,
  questions    jsonb            NOT NULL DEFAULT '[]',
  created_at   timestamptz      NOT NULL,
  updated_at   timestamptz      NOT NULL,
  PRIMARY KEY (user_id, batch_id, content_id, attempt_id)
);

CREATE INDEX attempt_of_batch ON attempt (batch_id); -- the response exhaust
CREATE INDEX attempt_age ON attempt USING brin (updated_at); -- erasure.forget_questions, which is rare: small, cheap to keep

-- One row: one learner in one batch as pages show it, counted from the enrolment by figures.rules. A copy that may be
-- deleted and is made again; nothing is decided by it. Narrow, and what is compared and sorted by comes first, so that a
-- hundred thousand are read in some milliseconds.
CREATE TABLE learner_figures (
  revision       bigint      NOT NULL, -- of the enrolment that it was counted from, as are active and certificates (how many)
  enrolled_at    timestamptz NOT NULL,
  seen_at        timestamptz,
  completed_at   timestamptz,
  standing_until timestamptz, -- when time alone changes the standing; null: never
  measure        integer     NOT NULL, -- digest of course, dates and templates by which it was counted
  certificates   integer     NOT NULL,
  best           integer, -- percent of the best score that counts
  standing       smallint    NOT NULL, -- figures.model.Standing
  need           smallint    NOT NULL, -- 1: helped first
  reached        smallint    NOT NULL, -- figures.model.Reached
  percentage     smallint    NOT NULL,
  unit           smallint    NOT NULL, -- the first that is not finished, from 1; 0: none
  attempts       smallint    NOT NULL,
  active         boolean     NOT NULL,
  user_id        text        NOT NULL,
  batch_id       text        NOT NULL,
  added_how      text        NOT NULL,
  units          smallint[]  NOT NULL, -- percent of each unit of the first level
  step           text, -- the content that is lacking, of one who needs one step
  PRIMARY KEY (user_id, batch_id)
) WITH (fillfactor = 80);

CREATE INDEX learner_figures_of_batch ON learner_figures (batch_id); -- figures.learners

-- One row: the counts of a batch. Small ones are counted when they are read; larger ones by a job, asked for by `asked_at`.
CREATE TABLE batch_figures (
  batch_id   text        PRIMARY KEY,
  learners   integer     NOT NULL DEFAULT 0, -- with those who left
  counted_at timestamptz, -- null: not yet
  asked_at   timestamptz, -- somebody waits since; null: nobody
  enrolled   integer     NOT NULL DEFAULT 0,
  certified  integer     NOT NULL DEFAULT 0,
  active     integer     NOT NULL DEFAULT 0, -- seen within seven days
  reached    integer[]   NOT NULL DEFAULT '{}', -- how many reached each figures.model.Reached
  standings  integer[]   NOT NULL DEFAULT '{}', -- how many have each Standing
  units      integer[]   NOT NULL DEFAULT '{}', -- how many finished each unit
  days       jsonb       NOT NULL DEFAULT '[]', -- [day, enrolled, completed, certified], the newest ones
  picture    jsonb       NOT NULL DEFAULT '[]' -- of equal parts of the learners, who came farthest first: % of each unit
);

CREATE INDEX batch_figures_asked ON batch_figures (asked_at) WHERE asked_at IS NOT NULL; -- figures.next_to_count

-- One row: somebody who helps learners has spoken to one of them. Not deleted when it was a mistake, but undone.
CREATE TABLE contact (
  user_id      text        NOT NULL,
  batch_id     text        NOT NULL,
  contact_id   text        NOT NULL,
  how          text        NOT NULL,
  leave_alone  boolean     NOT NULL DEFAULT false, -- the learner wants no more of it
  sealed       bytea, -- a note, bound to contact_id; for who manages the batch
  contacted_by text        NOT NULL,
  contacted_at timestamptz NOT NULL,
  undone_at    timestamptz, -- it was a mistake; possible for a day
  PRIMARY KEY (user_id, batch_id, contact_id),
  CHECK (how IN ('phone', 'message', 'in-person'))
);

CREATE INDEX contact_of_batch ON contact (batch_id, contacted_at); -- mentoring.lately
CREATE INDEX contact_by ON contact (contacted_by); -- erasure.erase_contacting

-- One row: something others must hear, written in the transaction it reports and deleted once they have.
CREATE TABLE outbox (
  event_id    bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  destination text        NOT NULL, -- kafka, content, mail, feed: see outbox.relay
  topic       text        NOT NULL,
  key         text        NOT NULL, -- events of one key leave in order
  payload     jsonb       NOT NULL,
  created_at  timestamptz NOT NULL,
  due_at      timestamptz NOT NULL, -- created_at, then later with every failure
  attempts    smallint    NOT NULL DEFAULT 0,
  error       text,
  parked      boolean     NOT NULL DEFAULT false -- given up; `lernbatch replay` sends it again
);

CREATE INDEX outbox_due ON outbox (due_at, event_id) WHERE NOT parked;                -- jobs.outbox.due_events
CREATE INDEX outbox_parked ON outbox (created_at) WHERE parked;                       -- erasure.forget_parked
CREATE INDEX outbox_of_key ON outbox (destination, key, event_id) WHERE NOT parked;  -- its order per key

-- One row: a message that was heard from one of the platform's topics. Written before its offset is committed, so that none is
-- lost; its digest is unique, so that one that is delivered again is done once.
-- due → handled (its value emptied); or, on failure, due later; or, given up, parked.
CREATE TABLE inbox (
  message_id  bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  digest      bytea       NOT NULL UNIQUE,     -- inbox.rules.digest
  kind        text        NOT NULL,            -- account-merge, account-deletion, ownership-transfer, publication
  topic       text        NOT NULL,
  partition   integer     NOT NULL,
  position    bigint      NOT NULL,            -- its offset there
  subject     text        NOT NULL,            -- whom or what it is about; messages of one are handled in order. '': handled
  value       bytea,                           -- as it came; NULL: handled, or too large
  received_at timestamptz NOT NULL,
  due_at      timestamptz NOT NULL,            -- received_at, then later with every failure
  attempts    smallint    NOT NULL DEFAULT 0,
  error       text,
  parked      boolean     NOT NULL DEFAULT false, -- given up; `lernbatch inbox replay` handles it again
  handled_at  timestamptz
);

CREATE INDEX inbox_due ON inbox (due_at, message_id) WHERE handled_at IS NULL AND NOT parked;         -- inbox.due_messages
CREATE INDEX inbox_of_subject ON inbox (subject, message_id) WHERE handled_at IS NULL AND NOT parked; -- its order
CREATE INDEX inbox_parked ON inbox (received_at) WHERE parked;                                        -- inbox.forget_parked
CREATE INDEX inbox_handled ON inbox (handled_at) WHERE handled_at IS NOT NULL;                        -- inbox.forget_handled

-- One row: an address that an organisation has told what happens in its batches.
CREATE TABLE webhook (
  webhook_id      text        PRIMARY KEY,
  organisation_id text        NOT NULL,
  url             text        NOT NULL,
  kinds           text[]      NOT NULL,                -- empty: all
  active          boolean     NOT NULL DEFAULT true,
  stopped         text,                                -- why we have switched it off
  sealed          bytea       NOT NULL,                -- its secrets, the newest first
  second_until    timestamptz,                         -- how long the second signs, too
  created_by      text,
  created_at      timestamptz NOT NULL,
  worked_at       timestamptz,                         -- a message was last taken
  failures        smallint    NOT NULL DEFAULT 0,      -- in a row
  resting_until   timestamptz                          -- after them
);

CREATE INDEX webhook_of_organisation ON webhook (organisation_id);

-- One row: a message to a webhook, and what came of it last; the webhook's log.
-- due → delivered; or, on failure, due later; or, given up, neither due nor delivered.
CREATE TABLE webhook_delivery (
  delivery_id  text        PRIMARY KEY,                -- the receiver knows by it what it has heard
  webhook_id   text        NOT NULL REFERENCES webhook ON DELETE CASCADE,
  event_id     bigint,                                 -- of the outbox; NULL: a test
  kind         text        NOT NULL,
  body         text        NOT NULL,                   -- the same bytes at every try
  created_at   timestamptz NOT NULL,
  due_at       timestamptz,                            -- NULL: delivered, or given up
  attempts     smallint    NOT NULL DEFAULT 0,
  status       smallint,                               -- of the last answer
  error        text,
  delivered_at timestamptz,
  UNIQUE (webhook_id, event_id)
);

CREATE INDEX webhook_delivery_due ON webhook_delivery (webhook_id, due_at) WHERE due_at IS NOT NULL; -- webhook.due_deliveries
CREATE INDEX webhook_delivery_log ON webhook_delivery (webhook_id, created_at);                      -- webhook.deliveries_of
CREATE INDEX webhook_delivery_old ON webhook_delivery (created_at);                                  -- webhook.forget_deliveries

-- One row: one kind of background work, who runs it now and until when.
CREATE TABLE job (
  kind         text        PRIMARY KEY,
  next_run_at  timestamptz NOT NULL,
  leased_by    text,
  leased_until timestamptz, -- renewed while the job runs; past: its process is dead, take over
  last_run_at  timestamptz,
  last_count   bigint,
  failures     integer     NOT NULL DEFAULT 0,
  last_error   text
);

-- One row: a learner whose certificates in a batch are to be evaluated, all templates at once. Written in the transaction
-- that may have made the learner eligible (completion, a better score, a template added, the issue API), always with the
-- fragment due_again of enrolment, so that news which arrives while a worker evaluates takes the row from that worker: it
-- is evaluated again.
-- due → claimed (due_at moves to the end of the lease) → deleted; or, on failure, due later; or, given up, parked.
CREATE TABLE certificate_due (
  user_id   text        NOT NULL,
  batch_id  text        NOT NULL,
  due_at    timestamptz NOT NULL,
  reason    text        NOT NULL,               -- completed, score, template, asked, enrolled
  re_issue  boolean     NOT NULL DEFAULT false, -- asked to replace what was issued
  claim     text,                               -- the worker's run that holds it; null: nobody
  attempts  smallint    NOT NULL DEFAULT 0,
  error     text,
  parked    boolean     NOT NULL DEFAULT false, -- given up; `lernbatch certificate retry` tries again
  named     boolean     NOT NULL DEFAULT false, -- this learner was named: what was decided for him alone may change
  PRIMARY KEY (user_id, batch_id)
) WITH (fillfactor = 70);

CREATE INDEX certificate_due_next ON certificate_due (due_at) WHERE NOT parked; -- certificate.claim_due
CREATE INDEX certificate_due_of_batch ON certificate_due (batch_id);            -- explain
CREATE INDEX certificate_due_parked ON certificate_due (batch_id) WHERE parked; -- certificate.retry_parked, ops.parked

-- One row: a batch whose learners are checked again at a time, because neither a completion nor a score makes them due.
-- Deleted when no template of the batch needs another re-check; else due later.
CREATE TABLE template_recheck (
  batch_id text        PRIMARY KEY,
  due_at   timestamptz NOT NULL,
  reason   text        NOT NULL -- template, enrolled, over: see certificate/rechecks.py
);

CREATE INDEX template_recheck_next ON template_recheck (due_at); -- certificate.rechecks_due

-- How many places of the status lists are given: the next is in list n / 131072. Gaps are harmless. Which of its list's
-- bits it is follows from the list's key, so that places tell nothing of the order of issue; see status.place.
CREATE SEQUENCE certificate_status_index;

-- One row: a status list whose places are given by a key of its own.
CREATE TABLE certificate_status_list (
  number bigint PRIMARY KEY,
  key    bytea  NOT NULL     -- 16 random bytes
);

-- One row: one certificate as it was issued, never changed but for its status. The id is computed from the key, so a
-- retry or a twin makes the same one. A higher revision supersedes the lower ones of its learner, batch and template.
CREATE TABLE certificate (
  user_id        text        NOT NULL,
  batch_id       text        NOT NULL,
  template_id    text        NOT NULL,
  revision       integer     NOT NULL,
  certificate_id text        NOT NULL,
  course_id      text        NOT NULL,
  name           text        NOT NULL,
  status         text        NOT NULL DEFAULT 'active',
  status_index   bigint      NOT NULL, -- list * 131072 + bit
  credential     jsonb       NOT NULL, -- signed: Open Badges 3.0 with its proof
  template       jsonb       NOT NULL, -- how it looks: the template's picture and signatories at the time of issue
  decision       jsonb       NOT NULL, -- why it was issued
  earned_at      timestamptz NOT NULL,
  issued_at      timestamptz NOT NULL,
  expires_at     timestamptz,
  changed_at     timestamptz NOT NULL, -- when status became what it is, by whom and why
  changed_by     text,
  change_reason  text,                 -- in the words of who changed it, for those who manage the batch
  change_code    text,                 -- why in public: one of model.ChangeCode; null: nothing is said
  PRIMARY KEY (user_id, batch_id, template_id, revision),
  CHECK (status IN ('active', 'suspended', 'revoked', 'superseded'))
);

CREATE INDEX certificate_by_id ON certificate (certificate_id);         -- pages and downloads
CREATE INDEX certificate_of_batch ON certificate (batch_id, issued_at); -- zip of a batch, explain
CREATE INDEX certificate_changed_by ON certificate (changed_by) WHERE changed_by IS NOT NULL; -- erasure.erase_changer
CREATE INDEX certificate_not_active ON certificate (status_index) WHERE status <> 'active'; -- status lists

-- One row: a certificate that another service issued before its data was moved here. It is never signed by us: its proof
-- is the old registry's, in the record. `source`: registry (Sunbird RC), certreg (the one before), entry (an enrolment
-- lists it, and no registry has it).
CREATE TABLE imported_certificate (
  user_id        text        NOT NULL,
  certificate_id text        NOT NULL,
  batch_id       text        NOT NULL,
  course_id      text        NOT NULL,
  name           text        NOT NULL,
  source         text        NOT NULL,
  status         text        NOT NULL,
  issued_at      timestamptz,          -- null: nobody said when
  template_id    text,                 -- of its batch; null: none that the batch has
  token          text        NOT NULL, -- the access code that old links carry; empty: none
  sealed_record  bytea       NOT NULL, -- the registry's record verbatim, in JSON; it names the learner
  changed_at     timestamptz,          -- when we changed its status, by whom and why; null: it is as it came
  changed_by     text,
  change_reason  text,
  change_code    text,
  PRIMARY KEY (user_id, certificate_id),
  CHECK (source IN ('registry', 'certreg', 'entry')),
  CHECK (status IN ('active', 'suspended', 'revoked', 'superseded'))
);

CREATE INDEX imported_certificate_by_id ON imported_certificate (certificate_id); -- old pages and downloads
CREATE INDEX imported_certificate_of_batch ON imported_certificate (batch_id);
CREATE INDEX imported_certificate_changed_by ON imported_certificate (changed_by) WHERE changed_by IS NOT NULL;

-- One row: an SVG template or a signature picture, fetched once when its template was attached.
CREATE TABLE certificate_file (
  url        text        PRIMARY KEY,
  media_type text        NOT NULL,
  body       bytea       NOT NULL,
  fetched_at timestamptz NOT NULL
);

-- One row: a report that somebody asked for. SUBMITTED → PROCESSING when a worker claims it (leased) → SUCCESS or
-- FAILED; back to SUBMITTED when its turn is over or it is tried again. FAILED → SUBMITTED when asked for again.
CREATE TABLE exhaust_request (
  request_id     text        PRIMARY KEY, -- of dataset, tag, user, channel and day: rules.request_id
  tag            text        NOT NULL,    -- chosen by the caller, without the channel
  dataset        text        NOT NULL,
  requested_by   text        NOT NULL,
  channel        text        NOT NULL,
  config         jsonb       NOT NULL,    -- the contract's datasetConfig, as given
  output_format  text        NOT NULL,
  sealed_key     bytea,                   -- what protects the file, until it is delivered
  fingerprint    bytea,                   -- of config, format, encryption and key: what else is another request
  requester_id   text,                    -- whose batches may be in it; null: a system, which has none
  organisation_ids text[],                -- and whose organisations'; null: any
  batch_ids      text[]      NOT NULL DEFAULT '{}', -- what its files are about, as its last turn found it
  zip_encryption text        NOT NULL DEFAULT '',   -- '': as the installation says
  files_from     timestamptz,             -- when the first of its files was begun: consents withdrawn later close them
  status         text        NOT NULL,
  iteration      integer     NOT NULL DEFAULT 0, -- failed attempts
  submitted_at   timestamptz NOT NULL,
  due_at         timestamptz,             -- while submitted: not before
  claimed_at     timestamptz,
  completed_at   timestamptz,
  execution_ms   bigint      NOT NULL DEFAULT 0,
  message        text,
  deliveries     jsonb       NOT NULL DEFAULT '[]', -- the contract's processed_batches: one entry a file in the store
  rows_total     bigint,
  rows_done      bigint      NOT NULL DEFAULT 0,
  leased_by      text,
  leased_until   timestamptz,             -- renewed while it is worked on; past: the worker is dead, take over
  expires_at     timestamptz NOT NULL,    -- then request and files are deleted
  CHECK (status IN ('SUBMITTED', 'PROCESSING', 'SUCCESS', 'FAILED')),
  CHECK ((status = 'PROCESSING') = (leased_by IS NOT NULL)),
  CHECK ((status IN ('SUCCESS', 'FAILED')) = (completed_at IS NOT NULL))
);

CREATE INDEX exhaust_request_of_tag ON exhaust_request (tag, channel, submitted_at DESC); -- exhaust.requests_of_tag
CREATE INDEX exhaust_request_unfinished ON exhaust_request (channel, submitted_at)        -- exhaust.claim_request
 WHERE status IN ('SUBMITTED', 'PROCESSING');
CREATE INDEX exhaust_request_of_requester ON exhaust_request (requester_id, submitted_at DESC); -- exhaust.requests_of_requester
CREATE INDEX exhaust_request_of_batches ON exhaust_request USING gin (batch_ids);         -- exhaust.end_requests_with
CREATE INDEX exhaust_request_expiry ON exhaust_request (expires_at);                      -- exhaust.requests_expired

-- One row: when an organisation last had its turn, so that the one that waited longest is next.
CREATE TABLE exhaust_turn (
  channel text        PRIMARY KEY,
  last_at timestamptz NOT NULL
);

-- One row: a person as the user service described them, kept for a while so that reports are one statement.
CREATE TABLE profile (
  user_id       text        PRIMARY KEY,
  status        smallint,               -- 0 inactive, 1 active, 2 deleted; null: the user service does not know them
  root_org_id   text        NOT NULL DEFAULT '',
  org_name      text        NOT NULL DEFAULT '',
  state         text        NOT NULL DEFAULT '',
  district      text        NOT NULL DEFAULT '',
  block         text        NOT NULL DEFAULT '',
  cluster       text        NOT NULL DEFAULT '',
  school_id     text        NOT NULL DEFAULT '',
  school_name   text        NOT NULL DEFAULT '',
  board         text        NOT NULL DEFAULT '',
  user_type     text        NOT NULL DEFAULT '',
  user_sub_type text        NOT NULL DEFAULT '',
  sealed        bytea,                  -- name, e-mail address, phone number, external id; bound to user_id
  fetched_at    timestamptz NOT NULL,
  name_marks    bigint[]                -- of the beginnings of each word of the name; null: not made yet
);

CREATE INDEX profile_by_name ON profile USING gin (name_marks); -- figures.learners

-- One row: a batch of whose people some profiles are missing, because a summary by place was asked for. Deleted once
-- everybody has been looked up. `after_user_id`: how far that has come, so that one who cannot be read stops nobody else.
CREATE TABLE people_due (
  batch_id      text        PRIMARY KEY,
  asked_at      timestamptz NOT NULL,
  after_user_id text        NOT NULL
);

-- One row: what one person lets one organisation see of them in one course, as the user service last said.
CREATE TABLE consent (
  user_id     text        NOT NULL,
  consumer_id text        NOT NULL, -- the organisation
  object_id   text        NOT NULL, -- the course
  consent_id  text        NOT NULL DEFAULT '',
  status      text,                 -- null: never asked
  updated_at  timestamptz,
  expires_at  timestamptz,          -- null: never
  fetched_at  timestamptz NOT NULL,
  withdrawn_at timestamptz,         -- when we last learned that it holds no more, or it expired
  PRIMARY KEY (user_id, consumer_id, object_id)
);

CREATE INDEX consent_active ON consent (consumer_id, object_id, fetched_at)                -- person.consents_to_recheck
 WHERE lower(status) = 'active';
CREATE INDEX consent_withdrawn ON consent (consumer_id, object_id, withdrawn_at)           -- exhaust.close_withdrawn
 WHERE withdrawn_at IS NOT NULL;
CREATE INDEX consent_expiry ON consent (expires_at)                                        -- person.expire_consents
 WHERE lower(status) = 'active' AND (withdrawn_at IS NULL OR withdrawn_at < expires_at);

-- What analysts may read: no names, but ids of people with their places, which are personal data, too; and columns instead of the shapes that things are stored in. These are kept
-- as they are when tables change; docs/exhausts.md tells how to give them to somebody.
CREATE SCHEMA analyst;

CREATE VIEW analyst.batch AS
SELECT b.batch_id, b.course_id, c.name AS course_name, b.name, b.enrolment_type, b.created_by, b.created_for, b.mentors,
       b.start_date, b.end_date, b.status, b.created_at
  FROM batch b
  LEFT JOIN LATERAL (SELECT name FROM course WHERE course_id = b.course_id ORDER BY fetched_at DESC LIMIT 1) c ON true;

CREATE VIEW analyst.enrolment AS
SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage, completed_at,
       last_read_content_id,
       CASE WHEN last_access_at IS NOT NULL THEN least(last_access_at, updated_at) END AS last_access_at,
       jsonb_array_length(certificates) AS certificate_count
  FROM enrolment;

CREATE VIEW analyst.content_state AS
SELECT e.user_id, e.batch_id, s.key AS content_id, (s.value ->> 0)::smallint AS status,
       (s.value ->> 1)::integer AS percentage, (s.value ->> 2)::integer AS views, (s.value ->> 3)::integer AS completions,
       CASE WHEN s.value ->> 4 IS NOT NULL
            THEN to_timestamp(least((s.value ->> 4)::bigint, (s.value ->> 6)::bigint) / 1000.0)
        END AS last_access_at,
       CASE WHEN s.value ->> 5 IS NOT NULL
            THEN to_timestamp(least((s.value ->> 5)::bigint, (s.value ->> 6)::bigint) / 1000.0)
        END AS last_completed_at,
       to_timestamp((s.value ->> 6)::bigint / 1000.0) AS last_updated_at
  FROM enrolment e, jsonb_each(coalesce(e.states_text::jsonb, e.states)) AS s;

CREATE VIEW analyst.score AS
SELECT e.user_id, e.batch_id, s.key AS content_id, (s.value ->> 0)::double precision AS best_score,
       (s.value ->> 1)::double precision AS max_score, (s.value ->> 2)::integer AS attempts
  FROM enrolment e, jsonb_each(e.scores) AS s;

CREATE VIEW analyst.attempt AS
SELECT user_id, batch_id, content_id, attempt_id,
       least(to_timestamp(attempted_ms / 1000.0), updated_at) AS attempted_at, score, max_score
  FROM attempt;

CREATE VIEW analyst.answer AS
SELECT a.user_id, a.batch_id, a.content_id, a.attempt_id, q.value ->> 'id' AS question_id, q.value ->> 'type' AS type,
       q.value ->> 'title' AS title, (q.value ->> 'score')::double precision AS score,
       (q.value ->> 'max_score')::double precision AS max_score,
       (q.value ->> 'duration')::double precision AS duration_seconds
  FROM attempt a, jsonb_array_elements(a.questions) AS q;

CREATE VIEW analyst.learner AS
SELECT user_id, root_org_id, org_name, state, district, block, cluster, school_id, school_name, board, user_type,
       user_sub_type
  FROM profile;

-- One row: a public key of the registry whose certificates were imported, for who checks their proofs.
CREATE TABLE imported_key (
  key_id text PRIMARY KEY,
  pem    text NOT NULL
);

-- Moving over from a running Sunbird (lernbatch/takeover): where its rows wait, and what became of them. Kept until
-- `lernbatch sunbird hand-over --clean`.
CREATE SCHEMA takeover;

-- One row: one pass over a source, or the hand-over itself. `guessed`: what was found out of each source.
CREATE TABLE takeover.pass (
  pass_id      bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  command      text        NOT NULL,
  sources      text[]      NOT NULL,
  options      jsonb       NOT NULL,
  guessed      jsonb       NOT NULL DEFAULT '[]',
  began_at     timestamptz NOT NULL,
  ended_at     timestamptz,                       -- null: it runs, or was stopped and can go on
  counts       jsonb       NOT NULL DEFAULT '{}', -- the report of the end
  CHECK (command IN ('copy', 'catch-up', 'journal', 'verify', 'hand-over'))
);

-- One row: a write of a shadow proxy's journal that is done here, too. digest: of its line.
CREATE TABLE takeover.played (
  digest bytea PRIMARY KEY
);

-- One row: an index that is built again at the end of a copy, by its statement.
CREATE TABLE takeover.set_aside (
  name       text PRIMARY KEY,
  definition text NOT NULL
);

-- One row: who moves now. Whoever writes shares the row's lock, so a process that lost its lease writes nothing more.
CREATE TABLE takeover.lease (
  what         text        PRIMARY KEY,
  owner        text        NOT NULL,
  command      text        NOT NULL,
  began_at     timestamptz NOT NULL,
  leased_until timestamptz NOT NULL -- renewed while it runs
);

-- One row: a byte range of a file, or a token range of a table, that is staged: written in the transaction that staged it.
CREATE TABLE takeover.chunk (
  source       integer     NOT NULL, -- the place of the source in the command
  name         text        NOT NULL,
  first        bigint      NOT NULL,
  last         bigint      NOT NULL,
  source_table text        NOT NULL,
  digest       text        NOT NULL, -- sha256 of what was read
  rows         bigint      NOT NULL,
  counts       jsonb       NOT NULL, -- what became of its rows
  PRIMARY KEY (source, name, first, last)
);

-- One row: a source row by itself, converted (convert.model). Logged: an unlogged one is empty after a crash, while its
-- chunks are done. slice: of the learner's id, 0 to 1023.
CREATE TABLE takeover.stage (
  slice   smallint NOT NULL,
  user_id text     NOT NULL,
  kind    text     NOT NULL,
  body    bytea    NOT NULL
);

CREATE INDEX stage_of_slice ON takeover.stage (slice, user_id);

-- One row: a slice whose learners are built: written in the transaction that built them.
CREATE TABLE takeover.slice (
  slice  smallint PRIMARY KEY,
  counts jsonb    NOT NULL
);

-- One row: something odd: kind and key as the contract says, and what was and is.
CREATE TABLE takeover.problem (
  problem_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text   NOT NULL,
  key        text[] NOT NULL,
  said       jsonb  NOT NULL,
  of_batches boolean NOT NULL -- of the batches, which every run converts anew
);

CREATE INDEX problem_of_kind ON takeover.problem (kind, problem_id);
CREATE INDEX problem_about ON takeover.problem USING hash ((key[1])); -- erasure.erase_oddities

-- One row: a source row that is not in the target, verbatim and sealed.
CREATE TABLE takeover.quarantine (
  row_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind         text   NOT NULL,
  source_table text   NOT NULL,
  key          text[] NOT NULL,
  mark         text   NOT NULL, -- random: what binds the sealed row to this one
  sealed_row   bytea  NOT NULL
);

CREATE INDEX quarantine_by_mark ON takeover.quarantine (mark); -- exhaust.sealed_held_rows
CREATE INDEX quarantine_about ON takeover.quarantine USING hash ((key[1])); -- erasure.erase_held
