-- outside a transaction: certificates are issued while the index is built
DROP INDEX CONCURRENTLY IF EXISTS certificate_due_parked;
CREATE INDEX CONCURRENTLY certificate_due_parked ON certificate_due (batch_id) WHERE parked;
