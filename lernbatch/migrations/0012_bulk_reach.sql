-- A file is worked on when its uploader's token is gone: the organisations that the uploader administers are kept with it,
-- for their people may be brought into its batches. Null: all organisations; files from before have none.
ALTER TABLE bulk_process ADD COLUMN reach text[] DEFAULT '{}';
