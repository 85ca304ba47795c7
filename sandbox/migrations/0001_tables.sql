-- The sandbox's tables, and the rows that earlier versions kept for it among the product's tables.

-- One row: a published content, course, unit or question set as the content service describes it.
CREATE TABLE sandbox_content (
  content_id text        PRIMARY KEY,
  metadata   jsonb       NOT NULL, -- without the tree
  hierarchy  jsonb,                -- the whole node with its children; only of what was imported or created as a root
  updated_at timestamptz NOT NULL
);

-- One row: an organisation. Root organisations own people and courses.
CREATE TABLE sandbox_organisation (
  org_id  text     PRIMARY KEY,
  name    text     NOT NULL,
  channel text     NOT NULL,
  is_root boolean  NOT NULL,
  status  smallint NOT NULL DEFAULT 1
);

-- One row: a person as the user service knows them.
CREATE TABLE sandbox_person (
  user_id       text     PRIMARY KEY,
  first_name    text     NOT NULL,
  last_name     text     NOT NULL DEFAULT '',
  org_id        text     NOT NULL DEFAULT '', -- the root organisation
  roles         text[]   NOT NULL DEFAULT '{}', -- ROLE (in the own organisation) or ROLE@organisation
  state         text     NOT NULL DEFAULT '',
  district      text     NOT NULL DEFAULT '',
  block         text     NOT NULL DEFAULT '',
  cluster       text     NOT NULL DEFAULT '',
  school_name   text     NOT NULL DEFAULT '',
  school_id     text     NOT NULL DEFAULT '',
  board         text     NOT NULL DEFAULT '',
  user_type     text     NOT NULL DEFAULT '',
  user_sub_type text     NOT NULL DEFAULT '',
  email         text     NOT NULL DEFAULT '',
  phone         text     NOT NULL DEFAULT '',
  status        smallint NOT NULL DEFAULT 1, -- 0 inactive, 1 active, 2 deleted
  managed_by    text     NOT NULL DEFAULT '', -- the parent or teacher who acts for them
  CHECK (status IN (0, 1, 2))
);

-- One row: whether a person lets an organisation see their data within one course. The latest answer counts.
CREATE TABLE sandbox_consent (
  user_id     text        NOT NULL,
  consumer_id text        NOT NULL, -- the organisation that asks
  object_id   text        NOT NULL, -- the course
  consent_id  text        NOT NULL,
  status      text        NOT NULL, -- ACTIVE, REVOKED, DELETED
  updated_at  timestamptz NOT NULL,
  expires_at  timestamptz,          -- null: never
  PRIMARY KEY (user_id, consumer_id, object_id)
);

CREATE INDEX sandbox_consent_of_object ON sandbox_consent (object_id, consumer_id, user_id); -- consents

-- One row: a group of people; members as the group service shows them.
CREATE TABLE sandbox_group (
  group_id text  PRIMARY KEY,
  name     text  NOT NULL,
  members  jsonb NOT NULL
);

-- One row: a certificate template.
CREATE TABLE sandbox_template (
  template_id text    PRIMARY KEY,
  legacy      boolean NOT NULL DEFAULT false, -- known to the certificate service only, not to the content service
  metadata    jsonb   NOT NULL,
  svg         text    NOT NULL DEFAULT ''
);

-- One row: a message that was handed to the notification service, kept so that it can be looked at.
CREATE TABLE sandbox_message (
  message_id bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind       text        NOT NULL, -- email, notification, feed
  request    jsonb       NOT NULL,
  sent_at    timestamptz NOT NULL
);

-- The product's migration 0019_names.sql drops these tables where they are empty. Either may run first: what has rows
-- stays until it is taken over here.
DO $$
BEGIN
  IF to_regclass('neighbour_content') IS NOT NULL THEN
    LOCK TABLE neighbour_content, neighbour_organisation, neighbour_person, neighbour_consent, neighbour_group,
               neighbour_template, neighbour_message IN ACCESS EXCLUSIVE MODE;
    INSERT INTO sandbox_content (content_id, metadata, hierarchy, updated_at)
    SELECT content_id, metadata, hierarchy, updated_at
      FROM neighbour_content
        ON CONFLICT DO NOTHING;
    INSERT INTO sandbox_organisation (org_id, name, channel, is_root, status)
    SELECT org_id, name, channel, is_root, status
      FROM neighbour_organisation
        ON CONFLICT DO NOTHING;
    INSERT INTO sandbox_person (user_id, first_name, last_name, org_id, roles, state, district, block, cluster,
            school_name, school_id, board, user_type, user_sub_type, email, phone, status,
            managed_by)
    SELECT user_id, first_name, last_name, org_id, roles, state, district, block, cluster, school_name,
             school_id, board, user_type, user_sub_type, email, phone, status, managed_by
      FROM neighbour_person
        ON CONFLICT DO NOTHING;
    INSERT INTO sandbox_consent (user_id, consumer_id, object_id, consent_id, status, updated_at, expires_at)
    SELECT user_id, consumer_id, object_id, consent_id, status, updated_at, expires_at
      FROM neighbour_consent
        ON CONFLICT DO NOTHING;
    INSERT INTO sandbox_group (group_id, name, members)
    SELECT group_id, name, members
      FROM neighbour_group
        ON CONFLICT DO NOTHING;
    INSERT INTO sandbox_template (template_id, legacy, metadata, svg)
    SELECT template_id, legacy, metadata, svg
      FROM neighbour_template
        ON CONFLICT DO NOTHING;
    INSERT INTO sandbox_message (kind, request, sent_at)
    SELECT kind, request, sent_at
      FROM neighbour_message ORDER BY message_id
        ON CONFLICT DO NOTHING;
    DROP TABLE neighbour_content, neighbour_organisation, neighbour_person, neighbour_consent, neighbour_group,
               neighbour_template, neighbour_message;
  END IF;
END
$$;
