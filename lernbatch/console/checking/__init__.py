"""Whether a certificate is genuine: by its number, or by a file of it."""
