"""Patch ids of running cases: id, reason, date, earliest removal date. None yet.

An id is called at the top of a phase through `workflow.patched`, never in a handler; see docs/operations.md,
"Upgrading".
"""
