-- outside a transaction: people's profiles are written while the index is built
ALTER TABLE profile ADD COLUMN IF NOT EXISTS name_marks bigint[];
DROP INDEX CONCURRENTLY IF EXISTS profile_by_name;
CREATE INDEX CONCURRENTLY profile_by_name ON profile USING gin (name_marks);

ALTER TABLE batch_figures ADD COLUMN IF NOT EXISTS picture jsonb NOT NULL DEFAULT '[]';

CREATE TABLE IF NOT EXISTS saved_view (
  user_id  text        NOT NULL,
  page     text        NOT NULL,
  name     text        NOT NULL,
  query    text        NOT NULL,
  saved_at timestamptz NOT NULL,
  PRIMARY KEY (user_id, page, name)
);

CREATE TABLE IF NOT EXISTS batch_change (
  batch_id   text        NOT NULL,
  revision   integer     NOT NULL,
  changed_at timestamptz NOT NULL,
  changed_by text,
  fields     jsonb       NOT NULL,
  PRIMARY KEY (batch_id, revision)
);
CREATE INDEX IF NOT EXISTS batch_change_of_changer ON batch_change (changed_by) WHERE changed_by IS NOT NULL;
