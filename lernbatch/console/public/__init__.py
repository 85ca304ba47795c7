"""The page of one batch for anybody, before signing in."""
