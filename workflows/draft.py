"""What one transition will write: collected while a phase decides, sent in one activity call."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from activities.contract import (
    ContactChange,
    EventDraft,
    NoticeDraft,
    ObjectionRow,
    PublicEntryRow,
    VerdictRow,
)
from domain.application import Material
from domain.case import CaseState
from domain.events import EventKind
from domain.vocabulary import Status


@dataclass
class Draft:
    """Events, effects and notices of one transition."""

    events: list[EventDraft] = field(default_factory=list)
    notices: list[NoticeDraft] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    verdicts: list[VerdictRow] = field(default_factory=list)
    objections: list[ObjectionRow] = field(default_factory=list)
    public_entry: PublicEntryRow | None = None
    contact: ContactChange | None = None
    revoke_certificates: str = ""
    decides: bool = False
    """Whether this takes a step or a decision, rather than only write down what messages said."""
    notices_before_last: int = 0
    """How many notices were drafted before the last entry."""

    def add_event(
        self,
        state: CaseState,
        kind: EventKind,
        *,
        key: str,
        at: datetime,
        actor: str,
        to: Status | None,
        detail: dict[str, Any],
        said: str = "",
    ) -> None:
        """Number and append one event; the status moves with it."""
        state.seq += 1
        self.notices_before_last = len(self.notices)
        kept: dict[str, JsonValue] = {key: value for key, value in detail.items() if value not in ("", None)}
        before, state.status = state.status, to or state.status
        self.events.append(
            EventDraft(
                seq=state.seq,
                key=key,
                kind=kind,
                at=at,
                actor=actor,
                status_from=before,
                status_to=state.status,
                detail=kept,
                said=said,
            )
        )

    def effects(self) -> dict[str, Any]:
        """Return the effects as fields of `RecordEvents`."""
        return {
            "materials": tuple(self.materials),
            "verdicts": tuple(self.verdicts),
            "objections": tuple(self.objections),
            "public_entry": self.public_entry,
            "contact": self.contact,
            "revoke_certificates": self.revoke_certificates,
            "notices": tuple(self.notices),
        }

    def take_back(self, state: CaseState) -> None:
        """Give back the last entry's number, its status and its notices: a guard refused it."""
        state.status = self.events.pop().status_from
        state.seq -= 1
        state.notice_seq -= len(self.notices) - self.notices_before_last
        del self.notices[self.notices_before_last :]
