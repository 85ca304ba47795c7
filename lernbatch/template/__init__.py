"""Certificate templates: what to award, and to whom."""
