-- Statements about sessions: who is signed in in a browser.

-- open_session
INSERT INTO console_session (session_id, user_id, sealed, kept, created_at, used_at, ends_at)
VALUES (:session_id, :user_id, :sealed, :kept, :now, :now, :ends_at);

-- session_by_id
SELECT session_id, user_id, sealed, created_at, used_at, ends_at
  FROM console_session
 WHERE session_id = :session_id AND user_id IS NOT NULL;

-- take_pending
-- What came back from the provider counts once.
DELETE FROM console_session
 WHERE session_id = :session_id AND user_id IS NULL AND ends_at > :now
RETURNING sealed, kept;

-- renew_session
UPDATE console_session SET sealed = :sealed WHERE session_id = :session_id;

-- note_use
UPDATE console_session SET used_at = :now WHERE session_id = :session_id AND used_at < :now;

-- take_kept_form
-- Read once: going back to the page shows it as it is.
UPDATE console_session c SET kept = NULL
  FROM (SELECT session_id, kept FROM console_session WHERE session_id = :session_id FOR UPDATE) AS old
 WHERE c.session_id = old.session_id AND old.kept IS NOT NULL
RETURNING old.kept;

-- sessions_of
  SELECT session_id, user_id, sealed, created_at, used_at, ends_at
    FROM console_session
   WHERE user_id = :user_id AND ends_at > :now
ORDER BY used_at DESC
   LIMIT :limit;

-- end_session
DELETE FROM console_session WHERE session_id = :session_id AND user_id = :user_id;

-- forget_sessions
DELETE FROM console_session
 WHERE session_id IN (
   SELECT session_id FROM console_session WHERE ends_at < :now OR used_at < :unused_since LIMIT :limit
 );
