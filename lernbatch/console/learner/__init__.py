"""One learner of a batch: why she is where she is, what happened, and what helps."""
