"""The values an SMS provider's template can be filled with: the facts a notice's text is made from, one by one."""

from activities.notices.sms_text import mended
from activities.notices.texts import NoticeContext, city_of
from domain.notice_policy import sms_word_names

_HEAD = 11
"""Half of an acceptance number `RRRRRR-XXXX-XXXX-XXXX-C` without the hyphen between, and so is its tail: where a
provider allows a variable few characters, 11 are within what it allows."""


def sms_words(context: NoticeContext) -> dict[str, str]:
    """Return every word a template of this notice may use; a fact the notice does not have is empty.

    Each is one line and mended as the text of an SMS is.
    """
    city = city_of(context.region)
    number = context.acceptance_no
    words = {
        "name": context.masked_name,
        "number": number,
        "number_head": number[:_HEAD],
        "number_tail": number[_HEAD + 1 :],
        "hotline": city.hotline,
        "portal": city.portal,
        "counter": city.counter,
        "benefit": city.short_benefit,
        **context.facts,
    }
    return {name: mended("".join(words.get(name, "").split())) for name in sms_word_names(context.event)}
