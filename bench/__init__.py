"""The load of the product, measured: `make bench`."""
