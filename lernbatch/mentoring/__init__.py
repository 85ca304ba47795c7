"""Helping learners: whom to help first, who was spoken to and whether it helped, and what happened to one learner."""
