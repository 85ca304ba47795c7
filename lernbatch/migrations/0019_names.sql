-- The sandbox keeps its tables itself, see sandbox/migrations. Those of earlier versions go where they hold nothing, as in
-- every installation that names its own services; where they hold something, the sandbox takes them over when it is used.
DO $$
BEGIN
  IF to_regclass('neighbour_content') IS NULL THEN
    RETURN; -- the sandbox was first
  END IF;
  LOCK TABLE neighbour_content, neighbour_organisation, neighbour_person, neighbour_consent, neighbour_group,
             neighbour_template, neighbour_message IN ACCESS EXCLUSIVE MODE;
  IF NOT (EXISTS (SELECT FROM neighbour_content) OR EXISTS (SELECT FROM neighbour_organisation)
          OR EXISTS (SELECT FROM neighbour_person) OR EXISTS (SELECT FROM neighbour_consent)
          OR EXISTS (SELECT FROM neighbour_group) OR EXISTS (SELECT FROM neighbour_template)
          OR EXISTS (SELECT FROM neighbour_message)) THEN
    DROP TABLE neighbour_content, neighbour_organisation, neighbour_person, neighbour_consent, neighbour_group,
               neighbour_template, neighbour_message;
  END IF;
END
$$;

-- Four kinds of jobs have other names; what was remembered of the old ones (the last run, failures) is not needed.
DELETE FROM job WHERE kind IN ('batch.tell_listings', 'roster.work_on_files', 'roster.retention', 'progress.adopt_courses');
