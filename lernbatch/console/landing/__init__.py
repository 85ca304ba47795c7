"""The first page: it leads on by role."""
