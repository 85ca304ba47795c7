-- What was decided for one person: who was named in an issue call, and the public side of why a certificate changed.

ALTER TABLE certificate_due ADD COLUMN named boolean NOT NULL DEFAULT false;
ALTER TABLE certificate ADD COLUMN change_code text;

CREATE INDEX merged_account_into ON merged_account (into_id);
