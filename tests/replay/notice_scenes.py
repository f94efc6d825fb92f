"""Scenes of single notices: one for each thing a provider may do."""

from activities.notice_contract import NoticeState
from activities.notices.outcomes import Postponed, TurnedDown
from tests.replay.case_moves import HYPERTENSION
from tests.replay.stage import Edit, Stage


def _mute(raw: dict[str, object]) -> None:
    raw["email"] = None


def _told(stage: Stage, answer: NoticeState | Exception) -> Edit:
    """Return an arrangement: no mail address, and the gateway answers so."""

    def arrange(applicant: dict[str, object]) -> None:
        _mute(applicant)
        stage.sms.arranged[str(applicant["phone"])] = answer

    return arrange


async def notices(stage: Stage) -> None:
    """One notice for each thing a provider may do."""
    sent = await stage.apply(HYPERTENSION)
    await stage.keep_notice("notice-sent", sent, "accepted")
    delivered = await stage.apply(HYPERTENSION, arrange=_told(stage, NoticeState.DELIVERED))
    await stage.keep_notice("notice-delivered", delivered, "accepted")
    failed = await stage.apply(HYPERTENSION, arrange=_told(stage, TurnedDown("sms-refused")))
    await stage.keep_notice("notice-failed", failed, "accepted")
    waiting = await stage.apply(HYPERTENSION, arrange=_told(stage, Postponed("sms-later")))
    await stage.keep_notice("notice-open-waiting", waiting, "accepted")
    await stage.keep_notice("notice-given-up", waiting, "accepted", give_up=True)


async def notice_unknown(stage: Stage) -> None:
    """The gateway refuses, and the mail server is lost after the letter."""

    def arrange(applicant: dict[str, object]) -> None:
        stage.sms.arranged[str(applicant["phone"])] = TurnedDown("sms-refused")
        stage.mail.lost.add(str(applicant["email"]))

    number = await stage.apply(HYPERTENSION, arrange=arrange)
    await stage.keep_notice("notice-unknown", number, "accepted")
