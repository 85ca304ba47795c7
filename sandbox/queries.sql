-- Statements of the sandbox.

-- content_by_id
SELECT metadata, hierarchy FROM sandbox_content WHERE content_id = :content_id;

-- contents_matching
-- Every filter is a path into the metadata and the values accepted there; one that is a list matches by any element.
  SELECT metadata, count(*) OVER () AS total
    FROM sandbox_content
   WHERE (:content_ids::text[] IS NULL OR content_id = ANY (:content_ids))
     AND NOT EXISTS (
           SELECT
             FROM jsonb_each(:filters) AS filter (path, accepted),
                  coalesce(metadata #> string_to_array(path, '.'), metadata -> path, 'null') AS found
            WHERE NOT EXISTS (
                    SELECT
                      FROM jsonb_array_elements(
                             CASE jsonb_typeof(found) WHEN 'array' THEN found ELSE jsonb_build_array(found) END
                           ) AS element
                     WHERE accepted @> jsonb_build_array(element)))
ORDER BY content_id
   LIMIT :limit OFFSET :offset;

-- change_content
UPDATE sandbox_content
   SET metadata = (metadata || :changes) - :removed::text[], updated_at = :now
 WHERE content_id = :content_id;

-- put_contents
-- The batches that were written to a course outlive its next import; a course that also stands in another one's tree
-- keeps what is known of it as a course.
INSERT INTO sandbox_content (content_id, metadata, hierarchy, updated_at)
     SELECT content_id, metadata, hierarchy, :now
       FROM unnest(:content_ids::text[], :metadata::jsonb[], :hierarchies::jsonb[])
            AS new (content_id, metadata, hierarchy)
ON CONFLICT (content_id) DO UPDATE
        SET metadata = EXCLUDED.metadata || CASE WHEN sandbox_content.metadata ? 'batches'
              THEN jsonb_build_object('batches', sandbox_content.metadata -> 'batches') ELSE '{}' END,
            hierarchy = EXCLUDED.hierarchy,
            updated_at = EXCLUDED.updated_at
      WHERE EXCLUDED.hierarchy IS NOT NULL OR sandbox_content.hierarchy IS NULL;

-- outdate_snapshots
-- What a republish event does elsewhere: the snapshots grow old, in their order, so the course is fetched again.
-- Citus writes the row on every node, and wants to know that each reckons the same, whatever its time zone.
UPDATE course
   SET fetched_at = (fetched_at AT TIME ZONE 'UTC' - interval '1 year') AT TIME ZONE 'UTC'
 WHERE course_id = :course_id;

-- people_by_ids
   SELECT p.user_id, p.first_name, p.last_name, p.org_id, p.roles, p.state, p.district, p.block, p.cluster,
          p.school_name, p.school_id, p.board, p.user_type, p.user_sub_type, p.email, p.phone, p.status, p.managed_by,
          coalesce(o.name, '') AS org_name, coalesce(o.channel, '') AS channel
     FROM sandbox_person p
LEFT JOIN sandbox_organisation o USING (org_id)
    WHERE p.user_id = ANY (:user_ids::text[]);

-- people_to_choose
-- Some of each kind, so that the first of the list are not all learners. The bundled people, whose ids begin with u-,
-- come before generated ones.
  SELECT user_id, first_name, last_name, org_id, roles, org_name
    FROM (SELECT p.user_id, p.first_name, p.last_name, p.org_id, p.roles, coalesce(o.name, '') AS org_name,
                 row_number() OVER (PARTITION BY p.roles ORDER BY p.user_id NOT LIKE 'u-%', p.user_id) AS place
            FROM sandbox_person p
       LEFT JOIN sandbox_organisation o USING (org_id)
           WHERE p.status = 1 AND p.managed_by = '') AS person
ORDER BY place, cardinality(roles) DESC, user_id
   LIMIT :limit;

-- person_to_choose
   SELECT p.user_id, p.first_name, p.last_name, p.org_id, p.roles, coalesce(o.name, '') AS org_name
     FROM sandbox_person p
LEFT JOIN sandbox_organisation o USING (org_id)
    WHERE p.user_id = :user_id AND p.status = 1;

-- organisations_matching
  SELECT org_id, name, channel, is_root, status, count(*) OVER () AS total
    FROM sandbox_organisation
   WHERE (:org_ids::text[] IS NULL OR org_id = ANY (:org_ids))
     AND (:channels::text[] IS NULL OR channel = ANY (:channels))
ORDER BY org_id
   LIMIT :limit OFFSET :offset;

-- consents
SELECT user_id, consumer_id, object_id, consent_id, status, updated_at, expires_at
  FROM sandbox_consent
 WHERE user_id = ANY (:user_ids::text[]) AND consumer_id = :consumer_id AND object_id = :object_id;

-- group_by_id
SELECT group_id, name, members FROM sandbox_group WHERE group_id = :group_id;

-- template_by_id
SELECT template_id, metadata FROM sandbox_template WHERE template_id = :template_id AND legacy = :legacy;

-- template_picture
SELECT svg FROM sandbox_template WHERE template_id = :template_id AND svg <> '';

-- keep_message
INSERT INTO sandbox_message (kind, request, sent_at) VALUES (:kind, :request, :now);

-- messages
  SELECT message_id, kind, request, sent_at
    FROM sandbox_message
   WHERE (:kind::text IS NULL OR kind = :kind)
ORDER BY message_id DESC
   LIMIT :limit;

-- known_organisations
SELECT coalesce(array_agg(org_id), '{}') FROM sandbox_organisation WHERE org_id = ANY (:org_ids::text[]);

-- put_organisations
INSERT INTO sandbox_organisation (org_id, name, channel, is_root)
     SELECT org_id, name, channel, is_root
       FROM unnest(:org_ids::text[], :names::text[], :channels::text[], :are_roots::boolean[])
            AS new (org_id, name, channel, is_root)
ON CONFLICT (org_id) DO UPDATE
        SET name = EXCLUDED.name, channel = EXCLUDED.channel, is_root = EXCLUDED.is_root;

-- make_arriving
-- The columns stand in the order of roster.Person, whose rows are copied in.
CREATE TEMPORARY TABLE sandbox_arriving (
  user_id text, first_name text, last_name text, org_id text, roles text, state text, district text, block text,
  cluster text, school_name text, school_id text, board text, user_type text, user_sub_type text, email text,
  phone text, status smallint, managed_by text
) ON COMMIT DROP;

-- put_arrived
INSERT INTO sandbox_person (user_id, first_name, last_name, org_id, roles, state, district, block, cluster,
                              school_name, school_id, board, user_type, user_sub_type, email, phone, status, managed_by)
     SELECT user_id, first_name, last_name, org_id, string_to_array(roles, '|'), state, district, block, cluster,
            school_name, school_id, board, user_type, user_sub_type, email, phone, status, managed_by
       FROM sandbox_arriving
   ORDER BY user_id COLLATE "C"
ON CONFLICT (user_id) DO UPDATE
        SET first_name = EXCLUDED.first_name, last_name = EXCLUDED.last_name, org_id = EXCLUDED.org_id,
            roles = EXCLUDED.roles, state = EXCLUDED.state, district = EXCLUDED.district, block = EXCLUDED.block,
            cluster = EXCLUDED.cluster, school_name = EXCLUDED.school_name, school_id = EXCLUDED.school_id,
            board = EXCLUDED.board, user_type = EXCLUDED.user_type, user_sub_type = EXCLUDED.user_sub_type,
            email = EXCLUDED.email, phone = EXCLUDED.phone, status = EXCLUDED.status,
            managed_by = EXCLUDED.managed_by;

-- drop_arriving
DROP TABLE sandbox_arriving;

-- put_consents
INSERT INTO sandbox_consent (user_id, consumer_id, object_id, consent_id, status, updated_at, expires_at)
     SELECT user_id, consumer_id, object_id, 'usr-consent:' || user_id || ':' || consumer_id || ':' || object_id,
            status, updated_at, expires_at
       FROM unnest(:user_ids::text[], :consumer_ids::text[], :object_ids::text[], :statuses::text[],
                   :updated_at::timestamptz[], :expires_at::timestamptz[])
            AS new (user_id, consumer_id, object_id, status, updated_at, expires_at)
   ORDER BY user_id, consumer_id, object_id
ON CONFLICT (user_id, consumer_id, object_id) DO UPDATE
        SET status = EXCLUDED.status, updated_at = EXCLUDED.updated_at, expires_at = EXCLUDED.expires_at;

-- put_template
INSERT INTO sandbox_template (template_id, legacy, metadata, svg)
     VALUES (:template_id, :legacy, :metadata, :svg)
ON CONFLICT (template_id) DO UPDATE
        SET legacy = EXCLUDED.legacy, metadata = EXCLUDED.metadata, svg = EXCLUDED.svg;

-- put_group
INSERT INTO sandbox_group (group_id, name, members)
     VALUES (:group_id, :name, :members)
ON CONFLICT (group_id) DO UPDATE SET name = EXCLUDED.name, members = EXCLUDED.members;
