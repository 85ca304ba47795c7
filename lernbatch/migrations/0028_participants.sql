-- outside a transaction: learners go on while the indexes are built
DROP INDEX CONCURRENTLY IF EXISTS enrolment_of_batch_new;
CREATE INDEX CONCURRENTLY enrolment_of_batch_new ON enrolment (batch_id, user_id) WHERE active;
DROP INDEX CONCURRENTLY IF EXISTS enrolment_of_batch;
ALTER INDEX enrolment_of_batch_new RENAME TO enrolment_of_batch;
DROP INDEX CONCURRENTLY IF EXISTS enrolment_of_batch_left_new;
CREATE INDEX CONCURRENTLY enrolment_of_batch_left_new ON enrolment (batch_id, user_id) WHERE NOT active;
DROP INDEX CONCURRENTLY IF EXISTS enrolment_of_batch_left;
ALTER INDEX enrolment_of_batch_left_new RENAME TO enrolment_of_batch_left;
