"""The medical papers of a visit: certificate, discharge record, examination reports, re-examination."""

from collections.abc import Callable
from datetime import date, timedelta

from domain.vocabulary import MaterialKind
from samples.conditions import COMMON_LABORATORY, Item
from samples.papers import Paper
from samples.visits import ADMITTED_BEFORE, CERTIFIED_BEFORE, DISCHARGED_BEFORE, Visit, numbered, section, zh


def diagnosis_certificate(visit: Visit) -> Paper:
    """Return the certificate 疾病诊断证明书, one page."""
    condition = visit.condition
    return visit.paper(
        MaterialKind.DIAGNOSIS_CERTIFICATE,
        template="diagnosis",
        issued_on=visit.on(CERTIFIED_BEFORE),
        diagnosed_on=visit.on(ADMITTED_BEFORE - 2),
        content={
            "history": condition.history,
            "findings": condition.findings,
            "diagnoses": condition.diagnoses,
            "advice": condition.advice,
        },
    )


def discharge_record(visit: Visit) -> Paper:
    """Return the discharge record 出院记录, two pages."""
    condition = visit.condition
    admitted, discharged = visit.on(ADMITTED_BEFORE), visit.on(DISCHARGED_BEFORE)
    days = ADMITTED_BEFORE - DISCHARGED_BEFORE
    return visit.paper(
        MaterialKind.DISCHARGE_RECORD,
        template="record",
        issued_on=discharged,
        content={
            "sections": [
                section(
                    "基本情况",
                    f"入院日期：{zh(admitted)}；出院日期：{zh(discharged)}；住院 {days} 天；转归：好转。",
                ),
                section("入院诊断", *numbered(condition.diagnoses[:1])),
                section("出院诊断", *numbered(condition.diagnoses)),
                section("入院情况", condition.history, _EXAMINATION),
                section(
                    "主要检查", *numbered(condition.findings), rows=_results(condition.laboratory + COMMON_LABORATORY)
                ),
                section("诊疗经过", condition.course, rows=_rounds(admitted, days)),
                section("出院情况", "神志清楚，精神饮食可，生命体征平稳，主要症状较入院时明显好转。"),
                section("出院医嘱", *numbered(condition.advice)),
            ]
        },
    )


def _results(items: tuple[Item, ...]) -> tuple[tuple[str, ...], ...]:
    found = ((name, f"{value} {unit} {flag}".strip(), span) for name, _, value, flag, unit, span in items)
    return (("项目", "结果", "参考区间"), *found)


def _rounds(admitted: date, days: int) -> tuple[tuple[str, ...], ...]:
    notes = (
        (0, "完善入院检查，告知病情及治疗方案"),
        (2, "结合检查结果明确诊断，同意目前治疗"),
        (4, "症状较前减轻，复查指标后调整用药"),
        (7, "一般情况好，生命体征平稳，继续观察"),
        (days, "符合出院标准，交代出院后注意事项"),
    )
    kinds = ("入院", "上级医师查房", "治疗调整", "病情平稳", "出院")
    made = ((zh(admitted + timedelta(days=day)), kinds[min(day // 2, 4)], note) for day, note in notes)
    return (("日期", "记录", "内容"), *made)


_EXAMINATION = (
    "查体：体温36.5℃，脉搏78次/分，呼吸18次/分。神志清楚，发育正常，营养中等，自动体位，查体合作。"
    "全身浅表淋巴结未触及肿大，双肺呼吸音清，未闻及干湿啰音，心律齐，各瓣膜听诊区未闻及病理性杂音，腹软无压痛。"
)


def laboratory_report(visit: Visit) -> Paper:
    """Return the laboratory report 化验报告: one page of the illness, one of routine values."""
    sampled, reported = visit.on(ADMITTED_BEFORE - 1), visit.on(ADMITTED_BEFORE - 2)
    specimen = [("标本", "静脉血"), ("采样日期", zh(sampled)), ("送检医师", visit.doctor)]
    sheets: list[tuple[str, tuple[Item, ...]]] = [
        ("检验报告单（专科项目）", visit.condition.laboratory),
        ("检验报告单（血常规、生化）", COMMON_LABORATORY),
    ]
    return visit.paper(
        MaterialKind.LABORATORY_REPORT,
        template="laboratory",
        issued_on=reported,
        content={
            "technician": "常样检",
            "sheets": [{"title": title, "specimen": specimen, "items": items} for title, items in sheets],
        },
    )


def glucose_record(visit: Visit) -> Paper:
    """Return fourteen days of blood glucose 血糖监测记录 with its curve."""
    chance = visit.chance()
    start = visit.on(DISCHARGED_BEFORE + 9)
    notes = {0: "入院首日", 3: "调整胰岛素", 7: "加用二甲双胍", 13: "出院后自测"}
    days = [
        {
            "on": (start + timedelta(days=day)).isoformat(),
            "readings": [
                round(base - day * 0.26 + chance.uniform(-0.7, 0.7), 1) for base in (11.4, 16.2, 14.8, 12.9)
            ],
            "note": notes.get(day, ""),
        }
        for day in range(14)
    ]
    return visit.paper(
        MaterialKind.GLUCOSE_RECORD,
        template="measurements",
        issued_on=start + timedelta(days=14),
        content={
            "series": ["空腹", "早餐后2h", "晚餐后2h", "睡前"],
            "limits": [7.0, 10.0, 10.0, 8.0],
            "days": days,
            "unit": "mmol/L",
            "target": "空腹 4.4-7.0，非空腹 <10.0",
            "low": 4,
            "high": 18,
            "summary": "治疗前各时段血糖明显升高，调整方案后逐步下降，仍高于控制目标，需长期用药并定期监测。",
        },
    )


def blood_pressure_record(visit: Visit) -> Paper:
    """Return fourteen days of blood pressure 血压记录 with its curve."""
    chance = visit.chance()
    start = visit.on(DISCHARGED_BEFORE + 9)
    days = [
        {
            "on": (start + timedelta(days=day)).isoformat(),
            "readings": [round(base - day * drop + chance.uniform(-5, 5)) for base, drop in _PRESSURES],
            "note": {0: "入院首日", 4: "加用缬沙坦", 13: "出院后自测"}.get(day, ""),
        }
        for day in range(14)
    ]
    return visit.paper(
        MaterialKind.BLOOD_PRESSURE_RECORD,
        template="measurements",
        issued_on=start + timedelta(days=14),
        content={
            "series": ["晨收缩压", "晨舒张压", "晚收缩压", "晚舒张压"],
            "limits": [140, 90, 140, 90],
            "days": days,
            "unit": "mmHg",
            "target": "收缩压 <140，舒张压 <90",
            "low": 60,
            "high": 200,
            "summary": "入院时血压达3级水平，联合用药后下降，晨间收缩压仍有波动，需长期用药并定期监测。",
        },
    )


_PRESSURES = ((184, 2.6), (108, 1.2), (178, 2.6), (104, 1.1))


def pathology_report(visit: Visit) -> Paper:
    """Return the pathology report 病理报告 with two drawn pictures."""
    markers = (
        ("项目", "结果", "项目", "结果"),
        ("TTF-1", "（+）", "Napsin A", "（+）"),
        ("CK7", "（+）", "P40", "（-）"),
        ("Ki-67", "约35%", "ALK", "（-）"),
        ("EGFR 19del", "未检出", "EGFR L858R", "检出突变"),
        ("PD-L1（22C3）", "TPS 10%", "ROS1", "（-）"),
    )
    reported = visit.on(ADMITTED_BEFORE - 5)
    return visit.paper(
        MaterialKind.PATHOLOGY_REPORT,
        template="report",
        issued_on=reported,
        content={
            "role": "病理诊断医师",
            "picture": "microscopy",
            "seed": visit.serial + 4000,
            "sections": [
                section("标本", f"收到日期：{zh(visit.on(ADMITTED_BEFORE - 2))}。送检部位：右肺上叶及淋巴结。"),
                section(
                    "肉眼所见",
                    "右肺上叶切除标本一件，大小16cm×11cm×5cm，距支气管断端3.5cm处见一灰白质硬肿物，切面大小3.1cm×2.7cm×2.4cm，"
                    "边界不清，局部牵拉胸膜。另送第2、4、7、10、11组淋巴结，共检出14枚。",
                ),
                section(
                    "镜下所见",
                    "肿瘤细胞呈腺泡状及乳头状排列，细胞核增大深染，核仁明显，可见核分裂象，间质纤维组织增生伴慢性炎细胞浸润。"
                    "未见明确脉管内癌栓，胸膜弹力纤维层未突破，支气管断端未见癌累及。",
                ),
                section("免疫组化及分子检测", rows=markers),
                section(
                    "病理诊断",
                    "（右肺上叶）浸润性腺癌，中分化，以腺泡型为主（约70%），伴乳头型（约30%）。",
                    "第10组淋巴结1/4枚见癌转移，其余各组淋巴结未见癌。病理分期：pT2aN1。",
                ),
            ],
        },
    )


def imaging_report(visit: Visit) -> Paper:
    """Return the chest CT report 影像学报告."""
    tumour = MaterialKind.PATHOLOGY_REPORT in visit.condition.reports
    seen = (
        "右肺上叶见软组织肿块影，大小约31mm×27mm，边缘分叶、毛刺，增强扫描不均匀强化，右肺门淋巴结肿大，短径约13mm。"
        if tumour
        else "双肺纹理清晰，未见实变及肿块影。心影增大，以左心室为著，主动脉迂曲、管壁钙化，心包未见积液。"
    )
    meaning = (
        "右肺上叶占位，考虑周围型肺癌，伴右肺门淋巴结肿大。"
        if tumour
        else "心影增大，主动脉硬化，符合高血压性心脏改变。"
    )
    return visit.paper(
        MaterialKind.IMAGING_REPORT,
        template="report",
        issued_on=visit.on(ADMITTED_BEFORE - 3),
        content={
            "title": "CT检查报告单",
            "role": "诊断医师",
            "picture": "slice",
            "lesion": tumour,
            "seed": visit.serial + 9000,
            "sections": [
                section("检查方法", "胸部螺旋CT平扫加增强，层厚5mm，重建层厚1mm。"),
                section("影像所见", seen, "胸廓对称，气管居中，所见骨质未见明确破坏，双侧胸腔未见积液。"),
                section("影像诊断", meaning),
            ],
        },
    )


def ecg_report(visit: Visit) -> Paper:
    """Return the electrocardiogram 心电图报告."""
    leads = [("I", 0.7), ("II", 1.0), ("III", 0.5), ("V1", 0.45), ("V5", 1.3)]
    return visit.paper(
        MaterialKind.ECG_REPORT,
        template="report",
        issued_on=visit.on(ADMITTED_BEFORE - 1),
        content={
            "role": "诊断医师",
            "picture": "trace",
            "leads": leads,
            "sections": [
                section("测量值", "心率 75 次/分；PR 间期 160 ms；QRS 96 ms；QTc 418 ms；RV5+SV1 4.3 mV。"),
                section("心电图诊断", "1. 窦性心律。", "2. 左心室高电压。", "3. ST-T改变，请结合临床。"),
            ],
        },
    )


def reexamination_record(visit: Visit, *, on: date) -> Paper:
    """Return the yearly re-examination record 复查资料, for the recheck."""
    compare = (
        ("项目", "上年", "本次", "变化"),
        ("空腹血糖", "11.8 mmol/L", "7.4 mmol/L", "下降"),
        ("餐后2小时血糖", "17.6 mmol/L", "10.9 mmol/L", "下降"),
        ("糖化血红蛋白", "9.7 %", "7.3 %", "下降"),
        ("尿微量白蛋白/肌酐", "46.2 mg/g", "38.5 mg/g", "下降"),
        ("体重", "61 kg", "63 kg", "上升"),
    )
    return visit.paper(
        MaterialKind.REEXAMINATION_RECORD,
        template="record",
        issued_on=on,
        content={
            "title": "门诊慢特病年度复查记录",
            "sections": [
                section("目前诊断", *numbered(visit.condition.diagnoses)),
                section("一年来治疗情况", visit.condition.course, "近一年门诊规律随访，按医嘱用药，无住院。"),
                section("复查结果", rows=compare),
                section(
                    "体格检查",
                    "血压132/80 mmHg，体重指数23.9，双足背动脉搏动可，10 g尼龙丝试验双足减退，视力较前稳定。",
                ),
                section("复查意见", "病情较前稳定，仍需长期药物治疗及监测，符合原认定病种，建议继续享受门诊待遇。"),
                section("下一步医嘱", *numbered(visit.condition.advice)),
            ],
        },
    )


def examination_report(visit: Visit, kind: MaterialKind) -> Paper:
    """Return an examination paper of any kind: a photo is a JPEG, a kind without its own form a plain record."""
    if kind is MaterialKind.PHOTO:
        return Paper(kind=kind, file="photo.jpg", template="photo", content={"name": visit.person.name})
    known = _REPORTS.get(kind)
    if known:
        return known(visit)
    return visit.paper(
        kind,
        template="record",
        issued_on=visit.on(ADMITTED_BEFORE - 4),
        content={
            "sections": [
                section("检查结果", *numbered(visit.condition.findings)),
                section("意见", visit.condition.course),
            ]
        },
    )


_REPORTS: dict[MaterialKind, Callable[[Visit], Paper]] = {
    MaterialKind.LABORATORY_REPORT: laboratory_report,
    MaterialKind.GLUCOSE_RECORD: glucose_record,
    MaterialKind.BLOOD_PRESSURE_RECORD: blood_pressure_record,
    MaterialKind.PATHOLOGY_REPORT: pathology_report,
    MaterialKind.IMAGING_REPORT: imaging_report,
    MaterialKind.ECG_REPORT: ecg_report,
}
