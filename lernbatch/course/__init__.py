"""Courses as they were published: versioned snapshots of their trees."""
