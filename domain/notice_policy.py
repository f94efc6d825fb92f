"""How a city's SMS go out: its providers in order, and at each the signature and templates that were approved.

Providers take no free text: a message is a template they have approved, and values for its variables. Which values
there are for each notice is said here; they are masked names, numbers and dates, never a reason, a list of papers or
a diagnosis.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from domain.events import NoticeEvent
from domain.sourced import PolicyModel, Slug, Sourced

ALWAYS = ("name", "number", "number_head", "number_tail", "hotline", "portal", "counter", "benefit")
"""Words every notice has: masked name, acceptance number whole and in halves, and what the city says of itself."""

OF_EVENT: Mapping[NoticeEvent, tuple[str, ...]] = MappingProxyType(
    {
        NoticeEvent.ACCEPTED: ("due_on",),
        NoticeEvent.SUPPLEMENT: ("due_on", "round"),
        NoticeEvent.SUPPLEMENT_REMINDER: ("due_on",),
        NoticeEvent.ORIGINALS: ("due_on",),
        NoticeEvent.ORIGINALS_REMINDER: ("due_on",),
        NoticeEvent.PUBLICITY: ("from_on", "to_on"),
        NoticeEvent.GRANTED: ("effect_on", "end_on"),
        NoticeEvent.DENIED: ("appeal_until",),
        NoticeEvent.APPEAL_RECEIVED: ("due_on",),
        NoticeEvent.RECHECK_DUE: ("due_on",),
        NoticeEvent.RECHECK_REMINDER: ("due_on",),
        NoticeEvent.RECHECK_PASSED: ("next_on",),
        NoticeEvent.SUSPENDED: ("end_on",),
        NoticeEvent.ENDED: ("ended_on",),
        NoticeEvent.DATE_MOVED: ("what", "before_on", "after_on"),
    }
)
"""Words a notice has besides: dates, and counts. Free text is never among them."""

TemplateId = Annotated[str, Field(pattern=r"^[0-9A-Za-z_-]{1,64}$")]
"""What the provider calls an approved template: `SMS_480000001`, `1110`."""

SmsSignature = Annotated[str, Field(pattern=r"^[^【】\s]{2,12}$")]
"""An approved signature, without its brackets: 2 to 12 characters (documentation of a large SMS vendor)."""


PROVIDER_NAME = r"[a-z][a-z0-9_]{0,19}"
"""How a provider of SMS is called: the name is part of references, of an address and of environment variables."""

_RESERVED = frozenset({"push"})
"""Who reports without being a provider of SMS."""


def provider_name(name: str) -> str:
    """Return the name of a provider of SMS as it is. Raises `ValueError`, in Chinese, on anything else."""
    if not re.fullmatch(PROVIDER_NAME, name) or name in _RESERVED:
        taken = f"，不得为 {'、'.join(sorted(_RESERVED))}"
        raise ValueError(f"短信服务商名称：小写字母开头，只含小写字母、数字和下划线，最多 20 个字符{taken}")
    return name


ProviderName = Annotated[
    str, AfterValidator(provider_name), WithJsonSchema({"type": "string", "pattern": f"^{PROVIDER_NAME}$"})
]


def sms_word_names(event: NoticeEvent) -> tuple[str, ...]:
    """Return the words a template of a notice may be filled with."""
    return (*ALWAYS, *OF_EVENT.get(event, ()))


class SmsTemplate(Sourced[TemplateId]):
    """An approved template: its id, and which words fill its variables, in their order.

    Where a provider's variables have names (`${due_on}`), they are those of the words.
    """

    parameters: tuple[Slug, ...] = ()


class SmsContract(PolicyModel):
    """What one provider has approved for a city."""

    signature: Sourced[SmsSignature]
    templates: dict[NoticeEvent, SmsTemplate] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parameters_are_words(self) -> "SmsContract":
        for event, template in self.templates.items():
            known = sms_word_names(event)
            if any(name not in known for name in template.parameters):
                raise ValueError(f"templates.{event.value}.parameters 只能取：{'、'.join(known)}")
            if len(set(template.parameters)) != len(template.parameters):
                raise ValueError(f"templates.{event.value}.parameters 不能重复")
        return self


class SmsPolicy(PolicyModel):
    """The providers of a city, first choice first. Empty: messages are kept in the outbox and nobody is sent any."""

    providers: Sourced[tuple[ProviderName, ...]] | None = None
    contracts: dict[ProviderName, SmsContract] = Field(default_factory=dict)

    @property
    def order(self) -> tuple[str, ...]:
        """The names of the providers, first choice first."""
        return self.providers.value if self.providers else ()

    @model_validator(mode="after")
    def _each_provider_has_a_contract(self) -> "SmsPolicy":
        if len(set(self.order)) != len(self.order):
            raise ValueError("providers 不能重复")
        if missing := [name for name in self.order if name not in self.contracts]:
            raise ValueError(f"providers 中的每一个都须有 contracts；缺少：{'、'.join(missing)}")
        return self
