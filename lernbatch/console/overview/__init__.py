"""One batch at a glance: how it is going, and what needs somebody."""
