"""Tamis in Python: `tamis.robust`, the aggregation rules of the server on numpy arrays."""
