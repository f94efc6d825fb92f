"""A gateway over one provider: turns a message into the template its city has had approved there."""

import re
from collections.abc import Callable

from activities.notices.outcomes import TurnedDown
from activities.notices.providers.port import SmsProvider, TemplateSms
from activities.notices.sms import Sms, SmsAnswer, SmsTrace
from domain.notice_policy import SmsContract

ContractOf = Callable[[str], SmsContract | None]
"""Given a region code, what its city and the provider have agreed; None where there is nothing."""

_MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")


class ProviderGateway:
    """Sends the messages of every city through one provider. The caller closes the provider."""

    def __init__(self, provider: SmsProvider, contract_of: ContractOf) -> None:
        self._provider = provider
        self._contract_of = contract_of

    async def send(self, message: Sms) -> SmsAnswer:
        """Fill the template and hand it over; see `SmsGateway.send`.

        Raises `TurnedDown` where there is no template, a value is missing or the number is no mobile number.
        """
        return await self._provider.send(fill(message, self._contract_of(message.region)))

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Ask the provider; see `SmsGateway.find`."""
        phone = mobile(trace.phone) if trace.phone else ""
        return await self._provider.find(trace.model_copy(update={"phone": phone}))


def fill(message: Sms, contract: SmsContract | None) -> TemplateSms:
    """Return the message as an approved template with its values.

    Raises `TurnedDown`: `no-contract`, `no-template`, `value-missing`, `number`.
    """
    if contract is None:
        raise TurnedDown("no-contract")
    template = contract.templates.get(message.event)
    if template is None:
        raise TurnedDown("no-template")
    values = tuple((name, message.words.get(name, "")) for name in template.parameters)
    if not all(value for _, value in values):
        # a sentence with a hole in it, such as a missing date, is worse than none
        raise TurnedDown("value-missing")
    return TemplateSms(
        reference=message.reference,
        phone=mobile(message.phone),
        signature=contract.signature.value,
        template=template.value,
        parameters=values,
    )


def mobile(phone: str) -> str:
    """Return the 11 digits of a mainland mobile number. Raises `TurnedDown` (`number`) on anything else."""
    found = _MOBILE.fullmatch(re.sub(r"[\s-]", "", phone))
    if found is None:
        raise TurnedDown("number")
    return found[1]
