-- Statements of backups.

-- tables
-- Ours and those of whoever shares the database; `counting` counts the rows of one.
  SELECT relname AS name, format('SELECT count(*) FROM %I.%I', nspname, relname) AS counting
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
   WHERE nspname = 'public' AND relkind = 'r'
ORDER BY relname;

-- snapshot
-- pg_dump reads the same one, so that the counts are those of the rows it writes.
SELECT pg_export_snapshot();
