"""Progress: how far a learner is in each content, and what follows from it for the enrolment."""
