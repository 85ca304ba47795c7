"""Background work and the outbox."""
