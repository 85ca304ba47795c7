"""A learner's own pages: courses, one course, certificates. They load no script."""
