"""Moving over from a running Sunbird: its rows are read, converted, staged, built, and compared again."""
