-- What the pages of a batch are read from: one narrow row a learner, counted from the enrolment, and one a batch.

CREATE TABLE learner_figures (
  revision       bigint      NOT NULL,
  enrolled_at    timestamptz NOT NULL,
  seen_at        timestamptz,
  completed_at   timestamptz,
  standing_until timestamptz,
  measure        integer     NOT NULL,
  certificates   integer     NOT NULL,
  best           integer,
  standing       smallint    NOT NULL,
  need           smallint    NOT NULL,
  reached        smallint    NOT NULL,
  percentage     smallint    NOT NULL,
  unit           smallint    NOT NULL,
  attempts       smallint    NOT NULL,
  active         boolean     NOT NULL,
  user_id        text        NOT NULL,
  batch_id       text        NOT NULL,
  added_how      text        NOT NULL,
  units          smallint[]  NOT NULL,
  step           text,
  PRIMARY KEY (user_id, batch_id)
) WITH (fillfactor = 80);

CREATE INDEX learner_figures_of_batch ON learner_figures (batch_id);

CREATE TABLE batch_figures (
  batch_id   text        PRIMARY KEY,
  learners   integer     NOT NULL DEFAULT 0,
  counted_at timestamptz,
  asked_at   timestamptz,
  enrolled   integer     NOT NULL DEFAULT 0,
  certified  integer     NOT NULL DEFAULT 0,
  active     integer     NOT NULL DEFAULT 0,
  reached    integer[]   NOT NULL DEFAULT '{}',
  standings  integer[]   NOT NULL DEFAULT '{}',
  units      integer[]   NOT NULL DEFAULT '{}',
  days       jsonb       NOT NULL DEFAULT '[]'
);

CREATE INDEX batch_figures_asked ON batch_figures (asked_at) WHERE asked_at IS NOT NULL;
