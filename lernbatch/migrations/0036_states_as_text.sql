-- What learners have done becomes JSON text: PostgreSQL neither parses nor prints it with each update (decision 0024).
-- Rows keep the old form until they are written again, so nothing is rewritten here.

ALTER TABLE enrolment ADD COLUMN states_text text;
ALTER TABLE enrolment ALTER COLUMN states_text SET STORAGE MAIN;
ALTER TABLE enrolment ALTER COLUMN states DROP NOT NULL;
ALTER TABLE enrolment ADD CONSTRAINT enrolment_states CHECK (num_nonnulls(states, states_text) = 1) NOT VALID;

CREATE OR REPLACE VIEW content_state AS
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

CREATE OR REPLACE VIEW analyst.content_state AS
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
