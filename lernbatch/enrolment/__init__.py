"""Enrolment: one learner in one batch. Enrolling, leaving, and the courses a learner is enrolled in."""
