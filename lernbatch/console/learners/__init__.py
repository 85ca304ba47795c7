"""The learners of a batch: who stands where, unit by unit."""
