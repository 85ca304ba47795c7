"""The registries that certificates used to be read from: their paths and shapes, from our records."""
