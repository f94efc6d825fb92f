"""What a case advises, said to whoever asks over the web: only what they may send there."""

from domain.access import Action, CaseFacts, Principal, may
from domain.refusal import Refusal

_POSSIBLE = "当前环节可用的命令："
"""How a case's remedy begins that names what anybody may send in its present status; see `domain.judging`."""


def within_reach(refusal: Refusal, principal: Principal, facts: CaseFacts) -> Refusal:
    """Return a refusal whose remedy names no command its reader may not send, or that has no address at all."""
    if not refusal.remedy.startswith(_POSSIBLE):
        return refusal
    named = refusal.remedy.removeprefix(_POSSIBLE).split("、")
    actions = set(Action)
    mine = [each for each in named if each in actions and may(principal, Action(each), facts) is None]
    remedy = _POSSIBLE + "、".join(mine) if mine else "当前环节没有您可以发送的命令，请查询案件的状态，等待下一环节"
    return refusal.model_copy(update={"remedy": remedy})
