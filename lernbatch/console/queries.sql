-- Statements of the console: what people keep there. What pages show is read by the rooms it belongs to.

-- views_of
  SELECT name, query
    FROM saved_view
   WHERE user_id = :user_id AND page = :page
ORDER BY saved_at
   LIMIT :limit;

-- save_view
-- One of the same name is replaced; who has as many as are shown saves no more.
INSERT INTO saved_view (user_id, page, name, query, saved_at)
SELECT :user_id::text, :page::text, :name::text, :query::text, :now::timestamptz
 WHERE (SELECT count(*) FROM saved_view WHERE user_id = :user_id AND page = :page AND name <> :name) < :limit::integer
ON CONFLICT (user_id, page, name) DO UPDATE SET query = EXCLUDED.query;

-- forget_view
DELETE FROM saved_view WHERE user_id = :user_id AND page = :page AND name = :name;
