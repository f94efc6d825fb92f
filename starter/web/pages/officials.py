"""The pages in which officials spend their day: experts, officers, the counter and auditors."""

from types import ModuleType

from starter.web.pages import (
    audit,
    case_notices,
    case_page,
    counter,
    deed_pages,
    expert,
    finding,
    officer,
    paper_frame,
    phone_tasks,
)

# /officer/tasks stands before /officer: the first route that fits answers.
OFFICIALS: tuple[ModuleType, ...] = (
    expert,
    phone_tasks,
    officer,
    finding,
    deed_pages,
    case_notices,
    paper_frame,
    case_page,
    audit,
    counter,
)
