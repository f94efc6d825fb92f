"""An account as its row says: who somebody is, and nothing that could prove it."""

from datetime import datetime

from sqlalchemy import RowMapping

from domain.access import Principal, Role
from domain.application import Model


class Account(Model):
    """One person's account. Never holds the password hash. Login and display name are kept out of logs."""

    id: str
    login: str
    display_name: str
    role: Role
    regions: tuple[str, ...]
    expert_id: str = ""
    person_key: str = ""
    created_at: datetime
    disabled_at: datetime | None = None
    must_change_password: bool = False
    password_changed_at: datetime

    @property
    def principal(self) -> Principal:
        """Who asks, for the rules in `domain/access.py`."""
        return Principal(
            kind="account",
            id=self.id,
            role=self.role,
            regions=self.regions,
            expert_id=self.expert_id,
            person_key=self.person_key,
        )

    def __repr__(self) -> str:
        return f"Account(id={self.id!r}, role={self.role.value!r})"

    __str__ = __repr__


def as_account(row: RowMapping) -> Account:
    """Read a row of `account`."""
    absent = {name: row[name] or "" for name in ("expert_id", "person_key")}
    return Account.model_validate({**row, **absent, "regions": tuple(row["regions"])})
