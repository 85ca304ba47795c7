-- Statements about certificates.

-- attach_template
UPDATE batch
   SET templates = templates || jsonb_build_object(:template_id::text, :template::jsonb), revision = revision + 1
 WHERE batch_id = :batch_id
RETURNING revision;

-- detach_template
UPDATE batch
   SET templates = templates - :template_id::text, revision = revision + 1
 WHERE batch_id = :batch_id AND templates ? :template_id;

-- queue_learners
-- Queue every active learner of a batch with the given enrolment status, or the named ones among them.
INSERT INTO certificate_due (user_id, batch_id, due_at, reason, re_issue, named)
SELECT user_id, batch_id, :now, :reason, :re_issue, :user_ids::text[] IS NOT NULL
  FROM enrolment
 WHERE batch_id = :batch_id AND active
   AND (:user_ids::text[] IS NULL OR user_id = ANY (:user_ids))
   AND (:status::smallint IS NULL OR status = :status)
 ORDER BY user_id
ON CONFLICT (user_id, batch_id) DO UPDATE
:{enrolment.due_again},
       re_issue = certificate_due.re_issue OR EXCLUDED.re_issue,
       -- Whoever was named for no new issue is not named for one that a later bulk action asks for.
       named = CASE WHEN certificate_due.re_issue = EXCLUDED.re_issue THEN certificate_due.named OR EXCLUDED.named
                    WHEN EXCLUDED.re_issue THEN EXCLUDED.named
                    ELSE certificate_due.named END
RETURNING user_id;

-- decided_in_batch
-- How many learners a bulk action passes over: somebody took away or suspended the latest certificate that they had of
-- a name in this batch.
SELECT count(DISTINCT user_id) FILTER (WHERE latest.status = 'revoked')::integer AS revoked,
       count(DISTINCT user_id) FILTER (WHERE latest.status = 'suspended')::integer AS suspended
  FROM (SELECT DISTINCT ON (user_id, lower(name)) user_id, status
          FROM certificate
         WHERE batch_id = :batch_id
      ORDER BY user_id, lower(name), issued_at DESC, revision DESC) AS latest
  JOIN enrolment USING (user_id)
 WHERE enrolment.batch_id = :batch_id AND enrolment.active AND (:status::smallint IS NULL OR enrolment.status = :status);

-- schedule_rechecks
INSERT INTO template_recheck (batch_id, due_at, reason)
SELECT batch_id, due_at, reason
  FROM unnest(:batch_ids::text[], :due_at::timestamptz[], :reasons::text[]) AS recheck (batch_id, due_at, reason)
 ORDER BY batch_id
ON CONFLICT (batch_id) DO UPDATE SET due_at = EXCLUDED.due_at, reason = EXCLUDED.reason;

-- rechecks_due
  SELECT recheck.batch_id, recheck.due_at, recheck.reason, batch.templates, batch.status = 2 AS over
    FROM template_recheck AS recheck
    JOIN batch ON batch.batch_id = recheck.batch_id
   WHERE recheck.due_at <= :now
ORDER BY recheck.due_at
   LIMIT :limit
     FOR UPDATE OF recheck SKIP LOCKED;

-- end_rechecks
DELETE FROM template_recheck WHERE batch_id = ANY (:batch_ids::text[]);

-- queue_recent_learners
-- A learner who completes while a template is attached can be missed by both: progress read the batch without the
-- template, and attaching did not see the completion. So a minute later every learner who changed since is queued.
-- Where enrolling or starting suffices, nothing else makes learners due, so recheck after recheck queues the new ones.
INSERT INTO certificate_due (user_id, batch_id, due_at, reason)
SELECT enrolment.user_id, enrolment.batch_id, :now, recheck.reason
  FROM unnest(:batch_ids::text[], :since::timestamptz[], :changed::boolean[], :reasons::text[])
    AS recheck (batch_id, since, changed, reason)
  JOIN enrolment ON enrolment.batch_id = recheck.batch_id AND enrolment.active
 WHERE (enrolment.enrolled_at >= recheck.since OR (recheck.changed AND enrolment.updated_at >= recheck.since))
   AND (recheck.reason = 'template'
        OR NOT EXISTS (SELECT FROM certificate
                        WHERE certificate.user_id = enrolment.user_id AND certificate.batch_id = enrolment.batch_id))
 ORDER BY enrolment.user_id, enrolment.batch_id
ON CONFLICT (user_id, batch_id) DO NOTHING;

-- claim_due
-- A claimed row becomes due again when its lease is over, so the work of a killed worker is taken up by another. The
-- condition on the array is there for the index: PostgreSQL does not know how few rows a limit leaves.
WITH claimed AS (
    SELECT user_id, batch_id
      FROM certificate_due
     WHERE due_at <= :now AND NOT parked
  ORDER BY due_at
     LIMIT :limit
       FOR UPDATE SKIP LOCKED
)
   UPDATE certificate_due AS due
      SET claim = :claim, due_at = :until
     FROM claimed
    WHERE due.user_id = ANY (ARRAY(SELECT user_id FROM claimed))
      AND due.user_id = claimed.user_id AND due.batch_id = claimed.batch_id
RETURNING due.user_id, due.batch_id, due.reason, due.re_issue, due.named, due.attempts;

-- batches_of
SELECT batch_id, course_id, course_version, created_for, templates FROM batch WHERE batch_id = ANY (:batch_ids::text[]);

-- enrolments_of
SELECT enrolment.user_id, enrolment.batch_id, active, status, completed_at, updated_at, scores, certificates
  FROM enrolment
  JOIN unnest(:user_ids::text[], :batch_ids::text[]) AS key (user_id, batch_id)
    ON enrolment.user_id = key.user_id
   -- sharded: AND enrolment.user_id = ANY (:user_ids)
   AND enrolment.batch_id = key.batch_id;

-- newest_of
-- The latest certificate of each template that these learners hold in these batches.
SELECT DISTINCT ON (certificate.user_id, certificate.batch_id, template_id)
       certificate.user_id, certificate.batch_id, template_id, revision, certificate_id, name, status
  FROM certificate
  JOIN unnest(:user_ids::text[], :batch_ids::text[]) AS key (user_id, batch_id)
    ON certificate.user_id = key.user_id
   -- sharded: AND certificate.user_id = ANY (:user_ids)
   AND certificate.batch_id = key.batch_id
 ORDER BY certificate.user_id, certificate.batch_id, template_id, revision DESC;

-- decided_before_merge
-- What was revoked or suspended of the accounts that were merged into these learners', as far as nothing newer of the
-- same name stands: a decision about a person holds in each of his accounts. And what another service had issued to
-- them, and was revoked or suspended there or here.
WITH account AS MATERIALIZED (
  WITH RECURSIVE former AS (
    SELECT merged.user_id AS former_id, wanted.user_id
      FROM (SELECT DISTINCT user_id FROM unnest(:user_ids::text[]) AS asked (user_id)) AS wanted
      JOIN merged_account AS merged ON merged.into_id = wanted.user_id
     UNION
    SELECT merged.user_id, former.user_id
      FROM former
      JOIN merged_account AS merged ON merged.into_id = former.former_id
  )
  SELECT former_id, user_id FROM former
)
SELECT user_id, batch_id, template_id, name, status
  FROM (SELECT DISTINCT ON (account.user_id, certificate.batch_id, lower(name))
               account.user_id, certificate.batch_id, template_id, name, status
          FROM account
          JOIN certificate ON certificate.user_id = account.former_id AND certificate.batch_id = ANY (:batch_ids::text[])
      ORDER BY account.user_id, certificate.batch_id, lower(name), issued_at DESC, revision DESC) AS latest
 WHERE status IN ('revoked', 'suspended')
 UNION ALL
SELECT imported.user_id, imported.batch_id, coalesce(template_id, ''), name, status
  FROM imported_certificate AS imported
  JOIN unnest(:user_ids::text[], :batch_ids::text[]) AS asked (user_id, batch_id)
    ON imported.user_id = asked.user_id AND imported.batch_id = asked.batch_id
 WHERE status IN ('revoked', 'suspended');

-- status_places
-- So many places, as list and how many of that list were given before; each list has its key first.
WITH given AS MATERIALIZED (
  SELECT nextval('certificate_status_index') AS place FROM generate_series(1, :count::integer)
), opened AS (
  INSERT INTO certificate_status_list (number, key)
  SELECT DISTINCT place / :size::bigint, :key::bytea FROM given
  ON CONFLICT (number) DO UPDATE SET key = certificate_status_list.key
  RETURNING number, key
)
SELECT opened.number, opened.key, (given.place % :size::bigint)::integer AS given_before
  FROM given
  JOIN opened ON opened.number = given.place / :size::bigint;

-- last_status_list
-- The last list in which a place was given.
SELECT last_value / :size::bigint FROM certificate_status_index;

-- lock_enrolments
-- Progress locks an enrolment and then its due row, so issuing does too, in the order of the keys: no deadlock.
SELECT enrolment.user_id, enrolment.batch_id
  FROM enrolment
  JOIN unnest(:user_ids::text[], :batch_ids::text[]) AS key (user_id, batch_id)
    ON enrolment.user_id = key.user_id AND enrolment.batch_id = key.batch_id
 ORDER BY enrolment.user_id, enrolment.batch_id
   FOR NO KEY UPDATE OF enrolment;

-- sharded lock_enrolments
-- Citus locks no rows of several learners by reading them. Nearly all of these rows are written in a moment anyway.
UPDATE enrolment
   SET certificates = certificates
  FROM unnest(:user_ids::text[], :batch_ids::text[]) AS key (user_id, batch_id)
 WHERE enrolment.user_id = key.user_id AND enrolment.user_id = ANY (:user_ids) AND enrolment.batch_id = key.batch_id
RETURNING enrolment.user_id, enrolment.batch_id;

-- hold_claimed
-- Which due rows are still ours: one whose claim was taken away (news, or a lease that ended) is not.
SELECT due.user_id, due.batch_id
  FROM certificate_due AS due
  JOIN unnest(:user_ids::text[], :batch_ids::text[]) AS claimed (user_id, batch_id)
    ON due.user_id = claimed.user_id AND due.batch_id = claimed.batch_id
 WHERE due.claim = :claim
 ORDER BY due.user_id, due.batch_id
   FOR UPDATE OF due;

-- drop_held
-- Deleting the due row is what makes an issue happen once: who deletes it writes the certificate, in this transaction.
DELETE FROM certificate_due AS due
 USING unnest(:user_ids::text[], :batch_ids::text[]) AS held (user_id, batch_id)
 WHERE due.user_id = held.user_id AND due.batch_id = held.batch_id;

-- postpone_held
UPDATE certificate_due AS due
   SET claim = NULL, attempts = failed.attempts, error = failed.error, due_at = failed.due_at, parked = failed.parked
  FROM unnest(:user_ids::text[], :batch_ids::text[], :attempts::smallint[], :errors::text[],
              :due_at::timestamptz[], :parked::boolean[]) AS failed (user_id, batch_id, attempts, error, due_at, parked)
 WHERE due.user_id = failed.user_id AND due.batch_id = failed.batch_id;

-- insert_certificates
INSERT INTO certificate (user_id, batch_id, template_id, revision, certificate_id, course_id, name, status_index,
                         credential, template, decision, earned_at, issued_at, expires_at, changed_at)
SELECT user_id, batch_id, template_id, revision, certificate_id, course_id, name, status_index,
       credential, template, decision, earned_at, :now, expires_at, :now
  FROM unnest(:user_ids::text[], :batch_ids::text[], :template_ids::text[], :revisions::integer[],
              :certificate_ids::text[], :course_ids::text[], :names::text[], :status_indices::bigint[],
              :credentials::jsonb[], :templates::jsonb[], :decisions::jsonb[],
              :earned_at::timestamptz[], :expires_at::timestamptz[])
    AS made (user_id, batch_id, template_id, revision, certificate_id, course_id, name, status_index,
             credential, template, decision, earned_at, expires_at);

-- supersede
-- After the new one stands: what it replaces, of its own template or of another with the same name, perhaps detached
-- since: a learner has one certificate of a name.
UPDATE certificate AS old
   SET status = 'superseded', changed_at = :now, change_reason = 're-issued', change_code = 're-issued'
  FROM unnest(:user_ids::text[], :batch_ids::text[], :template_ids::text[], :revisions::integer[], :names::text[])
    AS made (user_id, batch_id, template_id, revision, name)
 WHERE old.user_id = made.user_id AND old.batch_id = made.batch_id
   -- sharded: AND old.user_id = ANY (:user_ids)
   AND (old.template_id = made.template_id AND old.revision < made.revision OR lower(old.name) = lower(made.name))
   AND old.certificate_id <> ALL (:certificate_ids::text[]) AND old.status IN ('active', 'suspended');

-- supersede_merged
-- The same for what came over from a merged account: its record stays with that account, the entry of it is the learner's.
WITH listed AS MATERIALIZED (
  SELECT made.user_id, made.batch_id, made.name, entry ->> 'identifier' AS certificate_id
    FROM unnest(:user_ids::text[], :batch_ids::text[], :names::text[]) AS made (user_id, batch_id, name)
    JOIN enrolment ON enrolment.user_id = made.user_id AND enrolment.batch_id = made.batch_id
   CROSS JOIN jsonb_array_elements(enrolment.certificates) AS entry
)
UPDATE certificate AS old
   SET status = 'superseded', changed_at = :now, change_reason = 're-issued', change_code = 're-issued'
  FROM listed
 WHERE old.certificate_id = listed.certificate_id
   AND old.batch_id = listed.batch_id AND old.user_id <> listed.user_id AND lower(old.name) = lower(listed.name)
   AND old.status IN ('active', 'suspended');

-- add_entries
-- issued_certificates: an entry of the same name, or of a superseded certificate, gives way; others stay, the
-- new ones go last (contract jobs §4.9). The list is read and written while lock_enrolments holds the row, so two
-- templates at once lose nothing.
WITH made AS MATERIALIZED (
  SELECT user_id, batch_id, jsonb_agg(entry ORDER BY place) AS entries, array_agg(lower(entry ->> 'name')) AS names
    FROM unnest(:user_ids::text[], :batch_ids::text[], :entries::jsonb[])
         WITH ORDINALITY AS one (user_id, batch_id, entry, place)
GROUP BY user_id, batch_id
), listed AS MATERIALIZED (
  SELECT made.user_id, made.batch_id, old.entry, old.place
    FROM made
    JOIN enrolment ON enrolment.user_id = made.user_id AND enrolment.batch_id = made.batch_id
   CROSS JOIN jsonb_array_elements(enrolment.certificates) WITH ORDINALITY AS old (entry, place)
   WHERE coalesce(lower(old.entry ->> 'name'), '') <> ALL (made.names)
), superseded AS MATERIALIZED (
  SELECT gone.user_id, gone.batch_id, gone.certificate_id
    FROM certificate AS gone
    JOIN made ON made.user_id = gone.user_id AND made.batch_id = gone.batch_id
   WHERE gone.status = 'superseded'
), kept AS MATERIALIZED (
  SELECT user_id, batch_id, jsonb_agg(entry ORDER BY place) AS entries
    FROM listed
   WHERE NOT EXISTS (SELECT FROM superseded
                      WHERE superseded.user_id = listed.user_id
                        AND superseded.batch_id = listed.batch_id
                        AND superseded.certificate_id = listed.entry ->> 'identifier')
GROUP BY user_id, batch_id
), joined AS MATERIALIZED (
  SELECT made.user_id, made.batch_id, coalesce(kept.entries, '[]') || made.entries AS certificates
    FROM made
    LEFT JOIN kept ON kept.user_id = made.user_id AND kept.batch_id = made.batch_id
)
UPDATE enrolment
   SET certificates = joined.certificates
  FROM joined
 WHERE enrolment.user_id = joined.user_id AND enrolment.batch_id = joined.batch_id;

-- certificate_by_id
SELECT user_id, batch_id, template_id, revision, certificate_id, course_id, name, status, status_index, credential,
       template, decision, earned_at, issued_at, expires_at, changed_at, changed_by, change_reason, change_code
  FROM certificate
 WHERE certificate_id = :certificate_id;

-- chain_of
-- All issues of one award, the newest first: of its template, or (re-issued through another template, perhaps renamed)
-- joined to those by a name.
WITH RECURSIVE chain AS (
    SELECT template_id, name, certificate_id
      FROM certificate
     WHERE user_id = :user_id AND batch_id = :batch_id AND certificate_id = :certificate_id
     UNION
    SELECT other.template_id, other.name, other.certificate_id
      FROM chain
      JOIN certificate AS other ON other.template_id = chain.template_id OR lower(other.name) = lower(chain.name)
     WHERE other.user_id = :user_id AND other.batch_id = :batch_id
)
SELECT certificate_id, revision, status, issued_at
  FROM certificate
 WHERE user_id = :user_id AND batch_id = :batch_id AND certificate_id IN (SELECT certificate_id FROM chain)
 ORDER BY issued_at DESC, revision DESC;

-- not_active_in_list
SELECT status_index, status
  FROM certificate
 WHERE status <> 'active' AND status_index >= :first AND status_index < :first + :size;

-- holders_of_certificate
-- Whose it is: the account that it was issued to, and those which that was merged into since.
WITH first AS MATERIALIZED (
  SELECT user_id, batch_id FROM certificate WHERE certificate_id = :certificate_id
), later AS MATERIALIZED (
  WITH RECURSIVE holder AS (
    SELECT user_id, batch_id FROM first
     UNION
    SELECT merged.into_id, holder.batch_id
      FROM holder
      JOIN merged_account AS merged ON merged.user_id = holder.user_id
  )
  SELECT user_id, batch_id FROM holder
)
SELECT user_id, batch_id FROM later;

-- withdraw_re_issue
-- A new issue that was asked for before a decision about this learner does not undo it.
UPDATE certificate_due
   SET re_issue = false, named = false, claim = NULL
 WHERE user_id = ANY (:user_ids::text[]) AND batch_id = :batch_id;

-- set_status
-- Only what may change may change: a superseded or revoked certificate stays what it is.
UPDATE certificate
   SET status = :status, changed_at = :now, changed_by = :changed_by, change_reason = :reason, change_code = :code
 WHERE certificate_id = :certificate_id AND status = ANY (:admitted::text[]);

-- remove_entry
-- As in add_entries, while lock_enrolments holds the row.
WITH kept AS MATERIALIZED (
  SELECT user_id,
         jsonb_agg(entry ORDER BY place) FILTER (WHERE entry ->> 'identifier' IS DISTINCT FROM :certificate_id) AS entries
    FROM enrolment
   CROSS JOIN jsonb_array_elements(certificates) WITH ORDINALITY AS old (entry, place)
   WHERE user_id = ANY (:user_ids::text[]) AND batch_id = :batch_id
GROUP BY user_id
)
UPDATE enrolment
   SET certificates = coalesce(kept.entries, '[]')
  FROM kept
 WHERE enrolment.user_id = kept.user_id AND enrolment.user_id = ANY (:user_ids) AND enrolment.batch_id = :batch_id;

-- signed_by
-- A page of the certificates that these keys signed.
SELECT certificate_id, credential
  FROM certificate
 WHERE certificate_id > :after
   AND split_part(credential #>> '{proof,verificationMethod}', '#', 2) = ANY (:names::text[])
 ORDER BY certificate_id
 LIMIT :limit;

-- replace_credentials
UPDATE certificate
   SET credential = signed.credential
  FROM unnest(:certificate_ids::text[], :credentials::jsonb[]) AS signed (certificate_id, credential)
 WHERE certificate.certificate_id = signed.certificate_id;

-- retry_parked
UPDATE certificate_due
   SET parked = false, attempts = 0, due_at = :now, claim = NULL
 WHERE batch_id = :batch_id AND parked AND (:user_id::text IS NULL OR user_id = :user_id);

-- retry_all_parked
UPDATE certificate_due SET parked = false, attempts = 0, due_at = :now, claim = NULL WHERE parked;

-- learners_of_batch
-- A page of a batch's learners, for explain: evaluated one page at a time, however large the batch.
SELECT user_id
  FROM enrolment
 WHERE batch_id = :batch_id AND active AND user_id > :after
 ORDER BY user_id
 LIMIT :limit;

-- due_of_batch
-- Who waits or failed, by reason.
SELECT count(*)::integer AS learners, parked, error, min(due_at) AS due_at
  FROM certificate_due
 WHERE batch_id = :batch_id
 GROUP BY parked, error;

-- failures_of
SELECT user_id, error
  FROM certificate_due
 WHERE batch_id = :batch_id AND user_id = ANY (:user_ids::text[]) AND error IS NOT NULL;

-- due_of_learner
SELECT reason, due_at, attempts, error, parked
  FROM certificate_due
 WHERE user_id = :user_id AND batch_id = :batch_id;

-- certificates_of_learner
SELECT user_id, batch_id, template_id, revision, certificate_id, course_id, name, status, status_index, credential,
       template, decision, earned_at, issued_at, expires_at, changed_at, changed_by, change_reason, change_code
  FROM certificate
 WHERE user_id = :user_id
   AND (:course_id::text IS NULL OR course_id = :course_id)
   AND (:batch_id::text IS NULL OR batch_id = :batch_id)
   AND (NOT :active_only OR status = 'active')
 ORDER BY issued_at DESC, certificate_id
 LIMIT :limit;

-- certificates_of_batch
-- A page of what a batch issued between two days and is still worth something.
SELECT user_id, batch_id, template_id, revision, certificate_id, course_id, name, status, status_index, credential,
       template, decision, earned_at, issued_at, expires_at, changed_at, changed_by, change_reason, change_code
  FROM certificate
 WHERE batch_id = :batch_id AND status = 'active'
   AND issued_at >= :since AND issued_at < :until
   AND (issued_at, certificate_id) > (:after_at, :after_id)
 ORDER BY issued_at, certificate_id
 LIMIT :limit;

-- issued_in
-- A page of what a batch issued from :since until before :until, whatever it is worth now, the newest first; `before`
-- null: from the beginning. `named`: its number, its learner's id, or the beginnings of words of the name that the learner has now.
SELECT user_id, batch_id, template_id, revision, certificate_id, course_id, name, status, status_index, credential,
       template, decision, earned_at, issued_at, expires_at, changed_at, changed_by, change_reason, change_code
  FROM certificate
 WHERE batch_id = :batch_id AND status <> 'superseded'
   AND issued_at >= :since AND issued_at < :until
   AND (:before_at::timestamptz IS NULL OR (issued_at, certificate_id) < (:before_at, :before_id::text))
   AND (:named::text IS NULL OR certificate_id = lower(:named) OR user_id = :named OR user_id IN (
         SELECT p.user_id FROM unnest(:name_marks::text[]) AS wanted (marks)
           JOIN profile p ON p.name_marks @> wanted.marks::bigint[]))
 ORDER BY issued_at DESC, certificate_id DESC
 LIMIT :limit;

-- imported_certificate_by_id
SELECT user_id, certificate_id, batch_id, course_id, name, source, status, issued_at, token, sealed_record, changed_at,
       change_code
  FROM imported_certificate
 WHERE certificate_id = :certificate_id
 LIMIT 1;

-- imported_of_learner
  SELECT user_id, certificate_id, batch_id, course_id, name, source, status, issued_at, token, sealed_record, changed_at,
         change_code
    FROM imported_certificate
   WHERE user_id = :user_id
     AND status = 'active'
     AND (:course_id::text IS NULL OR course_id = :course_id)
     AND (:batch_id::text IS NULL OR batch_id = :batch_id)
ORDER BY issued_at DESC NULLS LAST, certificate_id
   LIMIT :limit;

-- imported_key
SELECT pem FROM imported_key WHERE key_id = :key_id;

-- set_imported_status
-- Only what may change may change, as set_status.
UPDATE imported_certificate
   SET status = :status, changed_at = :now, changed_by = :changed_by, change_reason = :reason, change_code = :code
 WHERE certificate_id = :certificate_id AND status = ANY (:admitted::text[]);

-- supersede_imported
-- A new one of ours takes the place of one of that name which another service had issued.
UPDATE imported_certificate AS old
   SET status = 'superseded', changed_at = :now, change_reason = 're-issued', change_code = 're-issued'
  FROM unnest(:user_ids::text[], :batch_ids::text[], :names::text[]) AS made (user_id, batch_id, name)
 WHERE old.user_id = made.user_id AND old.batch_id = made.batch_id AND lower(old.name) = lower(made.name)
   AND old.status IN ('active', 'suspended');
