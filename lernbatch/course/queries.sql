-- Statements of the snapshots of courses.

-- newest_versions
  SELECT DISTINCT ON (course_id) course_id, version, fetched_at
    FROM course
   WHERE course_id = ANY (:course_ids::text[])
ORDER BY course_id, fetched_at DESC;

-- snapshots
SELECT course_id, version, name, status, channel, content, tree
  FROM course
 WHERE (course_id, version) IN (SELECT course_id, version FROM unnest(:course_ids::text[], :versions::text[])
                                    AS requested (course_id, version));

-- upsert_snapshot
-- The same publication, fetched again: its metadata may have changed (retired, renamed), and its age is zero.
INSERT INTO course (course_id, version, name, status, channel, content, tree, fetched_at)
     VALUES (:course_id, :version, :name, :status, :channel, :content, :tree, :now)
ON CONFLICT (course_id, version) DO UPDATE
        SET name = EXCLUDED.name, status = EXCLUDED.status, channel = EXCLUDED.channel,
            content = EXCLUDED.content, tree = EXCLUDED.tree, fetched_at = EXCLUDED.fetched_at;

-- set_status
-- A retired course has no tree any more; the last one is kept for learners who are in the middle of it.
UPDATE course
   SET status = :status, content = content || jsonb_build_object('status', :status::text), fetched_at = :now
 WHERE course_id = :course_id
   AND version = (SELECT version FROM course WHERE course_id = :course_id ORDER BY fetched_at DESC LIMIT 1);

-- is_in_use
SELECT EXISTS (SELECT FROM course WHERE course_id = :course_id) OR EXISTS (SELECT FROM batch WHERE course_id = :course_id);

-- courses_due
-- Courses of batches that have not ended, whose newest snapshot is older than the time to live, or that have none.
   SELECT b.course_id
     FROM (SELECT DISTINCT course_id FROM batch WHERE status < 2) AS b
LEFT JOIN (SELECT course_id, max(fetched_at) AS fetched_at FROM course GROUP BY course_id) AS c USING (course_id)
    WHERE (c.fetched_at IS NULL OR c.fetched_at < :before)
      AND b.course_id <> ALL (:resting::text[])
 ORDER BY c.fetched_at NULLS FIRST, b.course_id
    LIMIT :limit;
