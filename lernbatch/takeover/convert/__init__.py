"""From rows of the source to rows of ours, and what is odd about them. Pure and total: any row gives something."""
