"""The gateway of all cities: each message goes through the provider its notice names, or into the outbox."""

import logging
from collections.abc import Callable, Iterable, Mapping

from activities.notices.outcomes import Postponed
from activities.notices.providers.gateway import ProviderGateway
from activities.notices.providers.port import Keys, SmsProvider
from activities.notices.providers.registry import PROVIDERS, ProviderError, Registration, build_provider
from activities.notices.sms import Sms, SmsAnswer, SmsGateway, SmsTrace
from domain.notice_policy import SmsContract

NOT_SET_UP = "provider-not-set-up"
"""Why a message waits: the city names a provider this worker has no keys for."""

ContractFor = Callable[[str, str], SmsContract | None]
"""Given a region code and a provider, what the two have agreed; None where there is nothing."""

ReadKeys = Callable[[str, tuple[str, ...]], Keys]

_log = logging.getLogger(__name__)


class CityGateway:
    """Every provider that could be built, and the outbox for cities that have none."""

    def __init__(
        self, *, outbox: SmsGateway, providers: Mapping[str, SmsProvider], contract_for: ContractFor
    ) -> None:
        self._outbox = outbox
        self._providers = providers
        self._contract_for = contract_for

    async def send(self, message: Sms) -> SmsAnswer:
        """Hand over a message; see `SmsGateway.send`."""
        return await self._of(message.provider).send(message)

    async def find(self, trace: SmsTrace) -> SmsAnswer | None:
        """Ask what became of a message; see `SmsGateway.find`."""
        return await self._of(trace.provider).find(trace)

    async def close(self) -> None:
        """Close every provider's connections."""
        for provider in self._providers.values():
            await provider.close()

    def _of(self, name: str) -> SmsGateway:
        if not name:
            return self._outbox
        provider = self._providers.get(name)
        if provider is None:
            raise Postponed(NOT_SET_UP)
        return ProviderGateway(provider, lambda region: self._contract_for(region, name))


def build_providers(
    names: Iterable[str], read_keys: ReadKeys, *, known: Mapping[str, Registration] = PROVIDERS
) -> dict[str, SmsProvider]:
    """Build the clients of providers by name; one that cannot be built is left out and said in the log.

    A worker without a provider's keys still has its cases to work on: its messages wait, or go through the next one.
    """
    built: dict[str, SmsProvider] = {}
    for name in names:
        try:
            built[name] = build_provider(name, read_keys, providers=known)
        except ProviderError as error:
            _log.error("SMS provider %s is not set up, its messages wait: %s", name, error)
    return built
