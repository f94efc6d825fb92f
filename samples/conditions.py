"""What the papers of each sample illness say. Invented; plausible in form, no medical source."""

from pydantic import BaseModel, ConfigDict

from domain.vocabulary import MaterialKind

Item = tuple[str, str, str, str, str, str]
"""A laboratory line: name, code, result, flag, unit, reference interval."""


class Condition(BaseModel):
    """The clinical text of one illness; `reports` are the kinds of examination papers it brings."""

    model_config = ConfigDict(frozen=True)

    names: tuple[str, ...]
    department: str
    diagnoses: tuple[str, ...]
    history: str
    findings: tuple[str, ...]
    course: str
    advice: tuple[str, ...]
    laboratory: tuple[Item, ...]
    reports: tuple[MaterialKind, ...]


COMMON_LABORATORY: tuple[Item, ...] = (
    ("白细胞计数", "WBC", "6.42", "", "10^9/L", "3.5-9.5"),
    ("红细胞计数", "RBC", "4.51", "", "10^12/L", "4.3-5.8"),
    ("血红蛋白", "HGB", "138", "", "g/L", "130-175"),
    ("血小板计数", "PLT", "211", "", "10^9/L", "125-350"),
    ("中性粒细胞百分比", "NEUT%", "61.3", "", "%", "40-75"),
    ("淋巴细胞百分比", "LYMPH%", "28.9", "", "%", "20-50"),
    ("丙氨酸氨基转移酶", "ALT", "23", "", "U/L", "9-50"),
    ("天门冬氨酸氨基转移酶", "AST", "21", "", "U/L", "15-40"),
    ("白蛋白", "ALB", "42.6", "", "g/L", "40-55"),
    ("肌酐", "CREA", "78", "", "μmol/L", "57-97"),
    ("尿素", "UREA", "5.9", "", "mmol/L", "3.1-8.0"),
    ("钾", "K", "4.21", "", "mmol/L", "3.5-5.3"),
)

DIABETES = Condition(
    names=("糖尿病",),
    department="内分泌代谢科",
    diagnoses=("2型糖尿病", "糖尿病周围神经病变", "糖尿病视网膜病变（非增殖期）"),
    history="患者8年前体检发现血糖升高，诊断为2型糖尿病，口服二甲双胍、格列美脲治疗，血糖控制不佳。近3月口干、多饮、"
    "双足麻木、视物模糊，体重下降约4公斤，为进一步诊治入院。",
    findings=(
        "空腹血糖 11.8 mmol/L，餐后2小时血糖 17.6 mmol/L，糖化血红蛋白 9.7%",
        "神经传导速度：双下肢感觉神经传导速度减慢",
        "眼底照相：双眼视网膜微血管瘤及少量点状出血",
    ),
    course="入院后予糖尿病饮食，门冬胰岛素联合甘精胰岛素皮下注射，甲钴胺营养神经，监测七段血糖并逐日调整剂量。"
    "空腹血糖逐步降至7 mmol/L左右，无低血糖发作，双足麻木较前减轻。",
    advice=(
        "糖尿病饮食，规律运动，监测空腹及餐后血糖",
        "甘精胰岛素 18U 每晚皮下注射；二甲双胍 0.5g 每日三次",
        "每3个月复查糖化血红蛋白、尿微量白蛋白、眼底",
        "需长期门诊治疗",
    ),
    laboratory=(
        ("空腹葡萄糖", "GLU", "11.8", "↑", "mmol/L", "3.9-6.1"),
        ("餐后2小时葡萄糖", "GLU-2h", "17.6", "↑", "mmol/L", "<7.8"),
        ("糖化血红蛋白", "HbA1c", "9.7", "↑", "%", "4.0-6.0"),
        ("空腹C肽", "CP-0h", "0.86", "↓", "ng/mL", "1.1-4.4"),
        ("总胆固醇", "TC", "6.05", "↑", "mmol/L", "<5.2"),
        ("甘油三酯", "TG", "2.41", "↑", "mmol/L", "<1.7"),
        ("尿微量白蛋白/肌酐", "UACR", "46.2", "↑", "mg/g", "<30"),
        ("尿糖", "U-GLU", "3+", "↑", "", "阴性"),
        ("尿酮体", "U-KET", "阴性", "", "", "阴性"),
    ),
    reports=(MaterialKind.LABORATORY_REPORT, MaterialKind.GLUCOSE_RECORD),
)

LUNG_CANCER = Condition(
    names=("肺癌", "恶性肿瘤门诊治疗", "恶性肿瘤"),
    department="肿瘤科",
    diagnoses=("右肺上叶腺癌 cT2aN1M0 ⅡB期", "术后辅助化疗"),
    history="患者2月前因咳嗽、痰中带血就诊，胸部CT示右肺上叶占位，经支气管镜活检病理诊断为肺腺癌，"
    "行胸腔镜下右肺上叶切除并淋巴结清扫，术后拟行辅助化疗。",
    findings=(
        "胸部增强CT：右肺上叶见约31mm×27mm软组织肿块，边缘毛刺，右肺门淋巴结肿大",
        "病理：（右肺上叶）浸润性腺癌，中分化，支气管断端未见癌",
        "癌胚抗原 18.4 ng/mL，细胞角蛋白19片段 6.9 ng/mL",
    ),
    course="完善检查后于全身麻醉下行胸腔镜右肺上叶切除术，手术顺利，术后抗感染、止痛、雾化治疗，第4日拔除胸腔引流管。"
    "术后病理证实腺癌，多学科讨论建议培美曲塞联合顺铂辅助化疗4周期，第1周期已完成，未见Ⅲ度以上不良反应。",
    advice=(
        "每21天返院或门诊行辅助化疗，共4周期",
        "每周复查血常规，每周期前复查肝肾功能",
        "每3个月复查胸部CT、肿瘤标志物",
        "需门诊长期治疗及随访",
    ),
    laboratory=(
        ("癌胚抗原", "CEA", "18.4", "↑", "ng/mL", "<5.0"),
        ("细胞角蛋白19片段", "CYFRA21-1", "6.9", "↑", "ng/mL", "<3.3"),
        ("神经元特异性烯醇化酶", "NSE", "12.1", "", "ng/mL", "<16.3"),
        ("鳞状细胞癌抗原", "SCC", "1.1", "", "ng/mL", "<1.5"),
        ("乳酸脱氢酶", "LDH", "268", "↑", "U/L", "120-250"),
        ("C反应蛋白", "CRP", "9.8", "↑", "mg/L", "<5.0"),
    ),
    reports=(MaterialKind.PATHOLOGY_REPORT, MaterialKind.IMAGING_REPORT, MaterialKind.LABORATORY_REPORT),
)

HYPERTENSION = Condition(
    names=("高血压",),
    department="心血管内科",
    diagnoses=("高血压病3级（很高危）", "高血压性心脏病", "左心室肥厚"),
    history="患者发现血压升高10年，最高达192/112 mmHg，不规律服用氨氯地平，血压控制差。近1月活动后胸闷、头晕，"
    "为进一步诊治入院。",
    findings=(
        "诊室血压 186/108 mmHg，24小时动态血压均值 162/97 mmHg",
        "心电图：窦性心律，左心室高电压伴ST-T改变",
        "胸部CT：主动脉迂曲，心影增大",
    ),
    course="入院后低盐饮食，予氨氯地平、缬沙坦、氢氯噻嗪联合降压，阿托伐他汀调脂。"
    "血压逐步降至140/85 mmHg左右，头晕、胸闷缓解，未见体位性低血压。",
    advice=(
        "低盐低脂饮食，每日早晚自测血压并记录",
        "氨氯地平 5mg、缬沙坦 80mg 每日一次",
        "每3个月复查肾功能、血脂、心电图",
        "需长期门诊治疗",
    ),
    laboratory=(
        ("总胆固醇", "TC", "6.31", "↑", "mmol/L", "<5.2"),
        ("低密度脂蛋白胆固醇", "LDL-C", "4.12", "↑", "mmol/L", "<3.4"),
        ("甘油三酯", "TG", "2.02", "↑", "mmol/L", "<1.7"),
        ("同型半胱氨酸", "HCY", "19.4", "↑", "μmol/L", "<15"),
        ("B型钠尿肽前体", "NT-proBNP", "356", "↑", "pg/mL", "<125"),
        ("尿微量白蛋白/肌酐", "UACR", "58.7", "↑", "mg/g", "<30"),
    ),
    reports=(
        MaterialKind.BLOOD_PRESSURE_RECORD,
        MaterialKind.ECG_REPORT,
        MaterialKind.IMAGING_REPORT,
        MaterialKind.LABORATORY_REPORT,
    ),
)
