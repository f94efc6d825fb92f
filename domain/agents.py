"""Who may apply for somebody else (代办): a grown-up other than the person."""

from datetime import date

from domain.application import Agent, Applicant
from domain.benefit import age_on
from domain.identity import birth_date
from domain.refusal import refuse

OF_AGE = 18
"""Full civil capacity (民法典 17、18)."""


def check_agent_may_act(agent: Agent, person: Applicant, on: date) -> None:
    """Refuse an agent who is the person, or not of age on the day of application.

    Both identity numbers have been checked before. Raises `Refused`.
    """
    if agent.id_number == person.id_number:
        raise refuse(
            field="applicant.agent.id_number",
            rule="代办人是代参保人申请的另一个人",
            remedy="由本人申请的，请不要填写代办人",
            message="代办人与参保人是同一个人",
        )
    if age_on(birth_date(agent.id_number), on) < OF_AGE:
        raise refuse(
            field="applicant.agent.id_number",
            rule=f"代办人须年满{OF_AGE}周岁（民法典第十七条、第十八条）",
            remedy="请由父母、其他监护人或者另一名成年人代办",
            message="代办人未成年",
        )
