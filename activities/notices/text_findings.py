"""What may be wrong with the texts of notices, in words an official can mend it by."""

from typing import Literal

from domain.application import Model

FindingKind = Literal[
    "city_data",
    "unknown_file",
    "unreadable",
    "syntax",
    "unknown_block",
    "outside_block",
    "missing_text",
    "unknown_fact",
    "fails",
    "too_long",
    "many_parts",
    "long_title",
    "forbidden",
    "diagnosis",
    "personal",
    "free_text",
    "channel",
    "long_value",
    "unserved",
]

FINDING_ZH: dict[FindingKind, str] = {
    "city_data": "落款资料",
    "unknown_file": "文件名",
    "unreadable": "无法读取",
    "syntax": "写法",
    "unknown_block": "段名",
    "outside_block": "段外文字",
    "missing_text": "缺少文字",
    "unknown_fact": "未知的字段",
    "fails": "无法生成",
    "too_long": "超长",
    "many_parts": "条数",
    "long_title": "标题过长",
    "forbidden": "禁用字符",
    "diagnosis": "病情",
    "personal": "个人信息",
    "free_text": "自由文字",
    "channel": "渠道",
    "long_value": "变量过长",
    "unserved": "未开通",
}


class TextFinding(Model):
    """One thing in one file. `key` is `block` or the key of `city.toml`; empty when the whole file is meant."""

    kind: FindingKind
    file: str
    key: str = ""
    message: str
    remedy: str

    def __str__(self) -> str:
        where = f"{self.file}：{self.key}" if self.key else self.file
        return f"{where}：{self.message}。{self.remedy}"


class TextReport(Model):
    """What was looked at, and what is wrong. Errors fail the lint; no finding ever stops a notice."""

    regions: tuple[str, ...]
    texts: int
    errors: tuple[TextFinding, ...] = ()
    warnings: tuple[TextFinding, ...] = ()
