-- Times that a phone's clock put into the future: nothing is shown to have happened after this service was told of it.

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
 CROSS JOIN LATERAL jsonb_each(e.states) AS state;

CREATE OR REPLACE VIEW analyst.enrolment AS
SELECT user_id, batch_id, course_id, active, added_by, added_how, enrolled_at, status, progress, percentage, completed_at,
       last_read_content_id,
       CASE WHEN last_access_at IS NOT NULL THEN least(last_access_at, updated_at) END AS last_access_at,
       jsonb_array_length(certificates) AS certificate_count
  FROM enrolment;

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
  FROM enrolment e, jsonb_each(e.states) AS s;

CREATE OR REPLACE VIEW analyst.attempt AS
SELECT user_id, batch_id, content_id, attempt_id,
       least(to_timestamp(attempted_ms / 1000.0), updated_at) AS attempted_at, score, max_score
  FROM attempt;
