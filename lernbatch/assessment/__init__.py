"""Assessments: a learner's attempts at question sets, and the scores that follow from them."""
