"""Every form in which rows come out of a Sunbird, each read to the same rows."""
