-- Places in the status lists are given in no order from here on, by a random key of each list. Lists that were begun
-- before keep what they hold, and the next certificate opens a new one.

CREATE TABLE certificate_status_list (
  number bigint PRIMARY KEY,
  key    bytea  NOT NULL
);

SELECT setval('certificate_status_index', (last_value / 131072 + 1) * 131072, false)
  FROM certificate_status_index
 WHERE is_called;
