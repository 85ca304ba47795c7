-- Pieces of the search statement. {column} is an expression of fields.py, {operator} one of < <= > >=; everything that a
-- caller sends is a :parameter. Letter case never counts, hence lower() on both sides; the indexes are on lower() too.

-- text_one_of
lower({column}) = ANY(lowered(:values::text[]))

-- texts_one_of
lowered({column}) && lowered(:values::text[])

-- number_one_of
{column} = ANY(:values::bigint[])

-- day_one_of
{column} = ANY(:values::date[])

-- moment_one_of
-- Answers show milliseconds, so an answer's value must find its batch again.
date_trunc('milliseconds', {column}) = ANY(:values::timestamptz[])

-- text_bound
-- The order of code points, as the reference's index has it, whatever the database's language is.
lower({column}) COLLATE "C" {operator} lower(:value::text)

-- texts_bound
EXISTS (SELECT FROM unnest({column}) AS entry WHERE lower(entry) COLLATE "C" {operator} lower(:value::text))

-- number_bound
{column} {operator} :value::numeric

-- day_bound
{column} {operator} :value::date

-- moment_bound
date_trunc('milliseconds', {column}) {operator} :value::timestamptz

-- text_affix
lower({column}) LIKE lower(:pattern::text)

-- texts_affix
EXISTS (SELECT FROM unnest({column}) AS entry WHERE lower(entry) LIKE lower(:pattern::text))

-- moment_affix
to_char({column} AT TIME ZONE :zone::text, 'YYYY-MM-DD HH24:MI:SS:MS') LIKE :pattern::text

-- text_exists
{column} IS NOT NULL

-- texts_exists
cardinality({column}) > 0

-- word
-- The index holds every three neighbouring characters, so it finds parts of words in any script.
(trigrams(batch_words(name, description)) @> trigrams(:word::text)
 AND batch_words(name, description) LIKE :pattern::text)

-- short_word
-- Fewer than three characters: no index helps.
batch_words(name, description) LIKE :pattern::text

-- word_in_column
lower(normalize({column})) LIKE :pattern::text

-- text_is_word
lower({column}) = :word::text

-- texts_have_word
lowered({column}) @> ARRAY[:word::text]

-- first_text
-- A list is sorted by the first of its texts, or by the last one when descending, as the reference's index does.
(SELECT min(entry COLLATE "C") FROM unnest(lowered({column})) AS entry)

-- last_text
(SELECT max(entry COLLATE "C") FROM unnest(lowered({column})) AS entry)

-- after
-- Behind the last row of the page before, for one sort key; nulls come last whatever the direction.
({column} {operator} :value::text::{type} OR {column} IS NULL)

-- same
{column} IS NOT DISTINCT FROM :value::text::{type}

-- after_batch
batch_id < :batch_id::text

-- page
SELECT batch_id, course_id, course_version, name, description, enrolment_type, created_by, created_for, mentors,
       start_date, end_date, enrolment_start_date, enrolment_end_date, time_zone, capacity, leave_policy,
       status, templates, created_at, updated_at, revision, {keys} AS sort_keys
  FROM batch
 WHERE {conditions}
ORDER BY {order}batch_id DESC
 LIMIT :limit::bigint
OFFSET :offset::bigint

-- count
SELECT count(*) FROM batch WHERE {conditions}

-- facet
  SELECT {value} AS value, count(*) AS count
    FROM batch{from}
   WHERE {conditions}
     AND {value} IS NOT NULL
GROUP BY 1
ORDER BY 2 DESC, 1
   LIMIT :limit::bigint

-- histogram
  SELECT {value} AS value, count(*) AS count
    FROM batch{from}
   WHERE {conditions}
     AND {value} IS NOT NULL
GROUP BY 1
ORDER BY 1
   LIMIT :limit::bigint
