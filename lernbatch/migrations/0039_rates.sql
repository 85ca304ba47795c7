-- How often a caller did something in a minute, in all processes together. Not logged: after a crash counting begins anew.

CREATE UNLOGGED TABLE rate_count (
  minute      timestamptz NOT NULL,
  caller_hash bytea       NOT NULL,
  times       integer     NOT NULL,
  PRIMARY KEY (minute, caller_hash)
);
