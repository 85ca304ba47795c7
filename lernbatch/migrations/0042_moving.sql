-- Moving over: a pass from the journal of a shadow proxy, the writes of it that are done, and erasing in the middle.

ALTER TABLE takeover.pass DROP CONSTRAINT pass_command_check;
ALTER TABLE takeover.pass
  ADD CONSTRAINT pass_command_check CHECK (command IN ('copy', 'catch-up', 'journal', 'verify', 'hand-over'));

CREATE TABLE takeover.played (
  digest bytea PRIMARY KEY
);

-- For erasing somebody in the middle of a move.
CREATE INDEX problem_about ON takeover.problem USING hash ((key[1]));
CREATE INDEX quarantine_about ON takeover.quarantine USING hash ((key[1]));

CREATE TABLE takeover.set_aside (
  name       text PRIMARY KEY,
  definition text NOT NULL
);
