"""Reports: ask for one, see how far it is, load its files and what they were made by."""
