"""What a batch and its learners look like at a glance: counts, a table of learners, where each one stands."""
