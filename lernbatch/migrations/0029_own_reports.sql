-- outside a transaction: reports go on while the index is built
DROP INDEX CONCURRENTLY IF EXISTS exhaust_request_of_requester;
CREATE INDEX CONCURRENTLY exhaust_request_of_requester ON exhaust_request (requester_id, submitted_at DESC);
