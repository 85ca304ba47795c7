"""The list of batches: which of them need me, and how each stands."""
