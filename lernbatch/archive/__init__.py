"""Files of reports: formats, packing, encryption, store. Knows no batch."""
