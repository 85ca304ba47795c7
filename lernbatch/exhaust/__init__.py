"""Exhausts: reports of batches, asked for by mentors and administrators, and the files they become."""
