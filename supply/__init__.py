"""What the product is made of: the check of the locks against known advisories, and the bill of materials."""
