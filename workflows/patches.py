"""Patch ids of running cases: id, reason, date, earliest removal date.

An id is called at the top of a phase through `workflow.patched`, never in a handler; see docs/operations.md,
"Upgrading".
"""

RECHECK_READS_CALENDAR = "recheck-reads-calendar"
"""A recheck that asks for records reads the calendar first: the case may have slept since the last notice came.

2026-11-22, release 0.2.0. A run lasts a year and waits may prolong it: not to be removed before 2028-06-01.
"""
