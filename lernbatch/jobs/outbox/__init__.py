"""What others must hear: rows written in the transaction they report, sent afterwards, at least once."""
