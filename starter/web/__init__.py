"""The HTTP interface: the API under /api/v1, and the pages people work with."""
