"""Webhooks: addresses of an organisation that are told what happens in its batches, for those without Kafka."""
