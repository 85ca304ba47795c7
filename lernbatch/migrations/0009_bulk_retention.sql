-- Files of people and roster changes are kept for a while: which are over is found by when they ended.
CREATE INDEX bulk_process_done ON bulk_process (ended_at) WHERE status = 3;
CREATE INDEX roster_change_age ON roster_change (applied_at);
