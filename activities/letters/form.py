"""The application form 门诊慢特病病种待遇认定申请表 as a printable page: blank, or filled from an application.

Which boxes stand on it is the city's policy: insured categories, tiers, who may apply for another, and for a disease
its papers, the photo and the hospital's stamp. A blank form shows what some disease of the city asks for.
"""

from collections.abc import Iterable, Sequence
from datetime import date

from pydantic import JsonValue

from activities.letters.typesetting import typeset
from activities.notices.texts import city_of
from domain.application import ApplicationForm, Model
from domain.certificate import printed_date
from domain.checklist import Requirement, requirements
from domain.disease import DiseaseRow
from domain.identity import birth_date, sex
from domain.paper_rules import listed
from domain.policy import RegionPolicy
from domain.refusal import refuse
from domain.vocabulary import MATERIAL_ZH, TIER_ZH, ApplicationKind, MaterialKind

FORM_TITLE = MATERIAL_ZH[MaterialKind.APPLICATION_FORM]

KIND_ZH: dict[str, str] = {"new": "新申请", "renewal": "续期", "change": "变更"}
CATEGORY_ZH: dict[str, str] = {"employee": "职工", "resident": "城乡居民", "flexible": "灵活就业"}
"""A word the table does not know is printed as it is: a city may have named it itself."""


class Choice(Model):
    """One box to tick."""

    word: str
    ticked: bool = False


class AgentLines(Model):
    """Who applies for the person 代办人; empty where nobody does."""

    name: str = ""
    id_number: str = ""
    phone: str = ""


class FormContent(Model):
    """The form ready to be set. Personal when filled: the whole ID number stands on it, as on every application."""

    region: str
    bureau: str
    title: str
    benefit: str
    dated_on: date
    name: str = ""
    sex: str = ""
    born_on: str = ""
    id_number: str = ""
    phone: str = ""
    email: str = ""
    categories: tuple[Choice, ...]
    tiers: tuple[Choice, ...]
    kinds: tuple[Choice, ...]
    disease: str = ""
    disease_id: str = ""
    hospital_id: str = ""
    agent: AgentLines | None
    papers: tuple[Choice, ...]
    papers_note: str = ""
    photo: str = ""
    hospital_stamp: str = ""
    hotline: str

    def __repr__(self) -> str:
        return f"FormContent(region={self.region!r})"

    __str__ = __repr__


def blank_form(policy: RegionPolicy) -> FormContent:
    """Return a city's empty form."""
    rows = policy.diseases
    return FormContent(
        **_heading(policy),
        categories=_choices(policy.filing.insured_categories.value, CATEGORY_ZH, None),
        tiers=_choices(policy.filing.resident_tiers.value, TIER_ZH, None),
        kinds=_choices(ApplicationKind, KIND_ZH, None),
        agent=AgentLines() if policy.filing.agent_allowed.value else None,
        papers=_papers(_general(policy), ()),
        papers_note="所申请的病种另有规定的材料，以本市病种目录为准。",
        photo="近期免冠照片\n（部分病种）" if any(row.photo_required for row in rows) else "",
        hospital_stamp="部分病种须由定点医疗机构审核盖章，以本市病种目录为准。",
    )


def filled_form(policy: RegionPolicy, form: ApplicationForm, *, disease_name: str) -> FormContent:
    """Return the form filled from an application that has been judged at the door.

    `disease_name` is printed also where the city does not list the disease; the papers are then those of any disease.
    Raises `Refused` on an application for another region.
    """
    if form.region != policy.region:
        raise refuse(
            field="region",
            rule="申请文件的统筹区须与所打印申请表的统筹区一致",
            remedy=f"请改为打印申请文件所属统筹区的申请表，或把申请文件的 region 更正为 {policy.region}",
            message="申请文件属于另一个统筹区。",
        )
    person, row = form.applicant, policy.disease(form.disease_id)
    handed_in = {paper.kind for paper in form.materials}
    return FormContent(
        **_heading(policy),
        name=person.name,
        sex="男" if sex(person.id_number) == "male" else "女",
        born_on=printed_date(birth_date(person.id_number)),
        id_number=person.id_number,
        phone=person.phone,
        email=person.email or "",
        categories=_choices(policy.filing.insured_categories.value, CATEGORY_ZH, person.insured_category),
        tiers=_choices(policy.filing.resident_tiers.value, TIER_ZH, person.tier),
        kinds=_choices(ApplicationKind, KIND_ZH, form.kind),
        disease=disease_name,
        disease_id=form.disease_id,
        hospital_id=form.hospital_id,
        agent=_agent(policy, form),
        papers=_papers(requirements(policy, row, form.kind) if row else _general(policy), handed_in),
        photo="近期免冠照片" if row and row.photo_required else "",
        hospital_stamp="该病种须由定点医疗机构审核盖章。" if row and row.hospital_stamped_form else "",
    )


def render_form(content: FormContent) -> bytes:
    """Return the PDF. The same content gives the same bytes; see `typeset` for threads and time."""
    page: dict[str, JsonValue] = content.model_dump(mode="json", exclude={"dated_on"})
    return typeset("form.typ", page, dated_on=content.dated_on)


def _heading(policy: RegionPolicy) -> dict[str, object]:
    return {
        "region": policy.region,
        "bureau": policy.bureau.value,
        "title": FORM_TITLE,
        "benefit": city_of(policy.region).benefit,
        # a form is of its policy's day: printed today or tomorrow it is the same file
        "dated_on": policy.effective_from.value,
        "hotline": policy.hotline.value,
    }


def _agent(policy: RegionPolicy, form: ApplicationForm) -> AgentLines | None:
    agent = form.applicant.agent
    if agent is not None:
        return AgentLines(name=agent.name, id_number=agent.id_number, phone=agent.phone)
    return AgentLines() if policy.filing.agent_allowed.value else None


def _choices(values: Iterable[str], words: dict[str, str], chosen: str | None) -> tuple[Choice, ...]:
    return tuple(Choice(word=words.get(str(each), str(each)), ticked=each == chosen) for each in values)


def _papers(asked: Sequence[Requirement], handed_in: Iterable[MaterialKind]) -> tuple[Choice, ...]:
    """Return a box for each thing the city asks for, ticked where a paper for it is handed in, then what is more."""
    there = set(handed_in)
    boxes = [
        Choice(word=listed((MATERIAL_ZH[kind] for kind in each.any_of), "或"), ticked=bool(there & {*each.any_of}))
        for each in asked
    ]
    wanted = {kind for each in asked for kind in each.any_of}
    more = [Choice(word=MATERIAL_ZH[kind], ticked=True) for kind in MaterialKind if kind in there - wanted]
    return tuple(dict.fromkeys([*boxes, *more]))


def _general(policy: RegionPolicy) -> tuple[Requirement, ...]:
    """Return what a city asks for with every disease."""
    row = DiseaseRow(
        id=f"{policy.region}-000",
        name="各病种",
        group="general",
        specialty="general",
        confidence="guide",
        source="what every disease needs; no row of a catalogue",
    )
    return requirements(policy, row)
