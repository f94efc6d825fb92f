"""The moves of the stories, by the name the e2e tests know them under."""

from starter.demo.moves import (
    apply_quick,
    apply_story,
    kinds,
    send,
    skip,
    skip_past,
    supply_from,
    until,
    until_status,
    verdicts,
)

__all__ = [
    "apply_quick",
    "apply_story",
    "kinds",
    "send",
    "skip",
    "skip_past",
    "supply_from",
    "until",
    "until_status",
    "verdicts",
]
