"""The papers that say who applies: both sides of the card, the e-credential, the application form."""

from domain.vocabulary import MATERIAL_ZH, MaterialKind
from samples.hospitals import BUREAUS
from samples.papers import Paper, qr_svg
from samples.visits import SEALS, Visit, zh


def identity_papers(visit: Visit) -> list[Paper]:
    """Return the scans of the identity card and the picture of the e-credential."""
    person = visit.person
    card = {
        "name": person.name,
        "sex": person.sex,
        "born": [str(person.born_on.year), str(person.born_on.month), str(person.born_on.day)],
        "address": person.address,
        "id_number": person.id_number,
        "issuer": f"{person.address[3:]}"[:6] + "样例公安局",
        "valid": "2020.01.01-长期" if person.born_on.year < 1974 else "2020.01.01-2040.01.01",
    }
    credential = {
        "name": person.name,
        "masked": person.id_number[:4] + "*" * 10 + person.id_number[-4:],
        "category": f"{visit.category}参保",
        "place": f"参保地：{BUREAUS[person.region]}",
        "qr": qr_svg(f"FICTITIOUS-SAMPLE-{visit.serial:04d}"),
    }
    return [
        Paper(kind=MaterialKind.ID_FRONT, file="id_front.jpg", template="card", content=card | {"side": "front"}),
        Paper(kind=MaterialKind.ID_BACK, file="id_back.jpg", template="card", content=card | {"side": "back"}),
        Paper(kind=MaterialKind.E_CREDENTIAL, file="e_credential.jpg", template="credential", content=credential),
    ]


def application_form(visit: Visit, others: list[Paper]) -> Paper:
    """Return the signed and stamped application form, listing the papers handed in with it."""
    person = visit.person
    kind = MaterialKind.APPLICATION_FORM
    content = {
        "bureau": BUREAUS[person.region],
        "hospital": visit.hospital.name,
        "name": person.name,
        "doctor": visit.doctor,
        "disease": visit.disease_name,
        "history": visit.condition.history,
        "kinds": [(True, "新申请"), (False, "续期"), (False, "变更")],
        "person": _about(visit),
        "materials": [MATERIAL_ZH[paper.kind] for paper in others],
        "date_zh": zh(visit.as_of),
        "serial": f"SQ-{visit.as_of:%Y%m%d}-{visit.serial:04d}",
        "seal_purpose": SEALS[kind],
        "signed": True,
        "sealed": True,
    }
    return Paper(
        kind=kind,
        file=f"{kind.value}.pdf",
        template="form",
        content=content,
        issued_on=visit.as_of,
        hospital_id=visit.hospital.hospital_id,
        hospital_level=visit.hospital.level,
        sealed=True,
        signed=True,
    )


def _about(visit: Visit) -> list[tuple[str, str]]:
    person = visit.person
    tier = {"high": "（高档）", "low": "（低档）"}.get(person.tier or "", "")
    return [
        ("姓名", person.name),
        ("性别", person.sex),
        ("身份证号", person.id_number),
        ("出生日期", zh(person.born_on)),
        ("参保类别", f"{visit.category}{tier}"),
        ("联系电话", person.phone),
        ("电子邮箱", person.email),
        ("居住地址", person.address),
    ]
