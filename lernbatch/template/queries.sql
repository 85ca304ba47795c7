-- Statements about the files of templates.

-- put_file
INSERT INTO certificate_file (url, media_type, body, fetched_at)
VALUES (:url, :media_type, :body, :now)
ON CONFLICT (url) DO UPDATE
   SET media_type = EXCLUDED.media_type, body = EXCLUDED.body, fetched_at = EXCLUDED.fetched_at;

-- files
SELECT url, media_type, body FROM certificate_file WHERE url = ANY (:urls::text[]);
