"""Search over batches: the reference's filter language, compiled to SQL with parameters."""
