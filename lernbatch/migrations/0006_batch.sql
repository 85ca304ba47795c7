-- Searching batches: letter case never counts, and words are found in any script.

-- The texts in lower case. Every expression on lists of ids goes through this, so that an index can hold it.
CREATE FUNCTION lowered(texts text[]) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT lower(entry) FROM unnest(texts) AS entry);

-- What a text query looks in: the beginning of a batch's name and description, in one spelling of composed letters.
CREATE FUNCTION batch_words(name text, description text) RETURNS text
  LANGUAGE sql IMMUTABLE PARALLEL SAFE
  RETURN lower(normalize(left(name || ' ' || coalesce(description, ''), 2000)));

-- Every three neighbouring characters of a text, each once.
CREATE FUNCTION trigrams(words text) RETURNS text[]
  LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
  RETURN ARRAY(SELECT DISTINCT substr(words, at, 3) FROM generate_series(1, length(words) - 2) AS at);

CREATE INDEX batch_id_search ON batch (lower(batch_id));
CREATE INDEX batch_course_search ON batch (lower(course_id), status);
CREATE INDEX batch_creator_search ON batch (lower(created_by));
CREATE INDEX batch_mentors_search ON batch USING gin (lowered(mentors));
CREATE INDEX batch_created_for_search ON batch USING gin (lowered(created_for));
CREATE INDEX batch_words_search ON batch USING gin (trigrams(batch_words(name, description)));
CREATE INDEX batch_newest ON batch (created_at DESC NULLS LAST, batch_id DESC);
CREATE INDEX batch_zones ON batch (time_zone) WHERE time_zone IS NOT NULL;

CREATE INDEX enrolment_of_batch_left ON enrolment (batch_id) WHERE NOT active;

-- Courses whose list of batches the content service shows. Changes of one course's batches wait for each other here.
CREATE TABLE batch_listing (
  course_id text        PRIMARY KEY,
  told_at   timestamptz NOT NULL,
  due       boolean     NOT NULL DEFAULT false
);

CREATE INDEX batch_listing_due ON batch_listing (course_id) WHERE due;

-- Answers of calls that carried an Idempotency-Key, so that a repeated call gets the same one.
CREATE TABLE idempotency_key (
  scope      text        NOT NULL,
  key        text        NOT NULL,
  body_hash  text        NOT NULL,
  answer     jsonb       NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (scope, key)
);

CREATE INDEX idempotency_key_age ON idempotency_key (created_at);
