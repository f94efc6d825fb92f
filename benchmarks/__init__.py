"""Measurements: `make bench` and `make soak`. Nothing of the product imports this."""
