"""Checks of the files themselves: what stands in a city's folder, and what its templates name."""

import difflib
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from jinja2 import TemplateSyntaxError, meta, nodes
from jinja2.sandbox import SandboxedEnvironment

from activities.notices.template_sets import BLOCKS, CITY, INBOX_BLOCK, City
from activities.notices.text_findings import FindingKind, TextFinding
from activities.notices.texts import fact_names
from domain.events import NoticeEvent

ALWAYS_KNOWN = ("name", "number", "city", "event", "attached", "dated")
"""What every template may name beside the facts of its event."""

CITY_ZH: dict[str, str] = {
    "signature": "短信签名，2 至 12 个字，不带【】",
    "bureau": "落款的机构名称",
    "hotline": "咨询电话",
    "benefit": "待遇名称",
    "short_benefit": "待遇简称",
    "portal": "查询平台",
    "where_to_look": "在哪里查询办理情况",
    "counter": "办理窗口",
}

_EVENT_FILES = {f"{event.value}.txt": event for event in NoticeEvent}
_LONGEST_SIGNATURE = 12


def check_folder(folder: Path) -> Iterator[TextFinding]:
    """Yield what is wrong with a city's data, and the files of its folder nobody reads."""
    yield from _city(folder)
    for each in sorted(folder.iterdir()):
        if each.name != CITY and each.name not in _EVENT_FILES and not each.name.startswith("."):
            message = "没有通知用到这个文件"
            remedy = f"文件名须为 {CITY} 或“通知名.txt”{_nearest(each.name, _EVENT_FILES)}"
            yield TextFinding(kind="unknown_file", file=_name(each), message=message, remedy=remedy)


def check_template(path: Path, event: NoticeEvent, environment: SandboxedEnvironment) -> tuple[TextFinding, ...]:
    """Return what is wrong with how the file of an event is written."""
    file = _name(path)
    try:
        source = path.read_text("utf-8-sig")
        template = environment.parse(source)
        environment.compile(template)
    except (OSError, UnicodeDecodeError):
        return (_finding("unreadable", file, "", "文件不能读取，或不是 UTF-8 编码", "请以 UTF-8 编码另存"),)
    except TemplateSyntaxError as error:
        message = f"第 {error.lineno} 行附近的 {{{{ }}}} 或 {{% %}} 写法有误（{error.message}）"
        remedy = "请对照 default 文件夹中的同名文件，检查括号和 if、endif、block、endblock 是否成对"
        return (_finding("syntax", file, "", message, remedy),)
    return (*_blocks(file, template), *_facts(file, event, template, environment))


def _city(folder: Path) -> Iterator[TextFinding]:
    file = f"{folder.name}/{CITY}"
    path = folder / CITY
    if not path.is_file():
        yield _finding("city_data", file, "", "缺少这个文件", f"请写明：{'、'.join(City.model_fields)}")
        return
    try:
        data = tomllib.loads(path.read_text("utf-8-sig"))
    except UnicodeDecodeError:
        yield _finding("unreadable", file, "", "不是 UTF-8 编码", "请以 UTF-8 编码另存")
        return
    except tomllib.TOMLDecodeError as error:
        remedy = '每行一项，例如 hotline = "12393"；请检查引号是否成对'
        yield _finding("syntax", file, "", f"不是合格的 TOML 写法（{error}）", remedy)
        return
    for key, meaning in CITY_ZH.items():
        fault = _fault_of(key, data.get(key))
        if fault:
            yield _finding("city_data", file, key, fault, f"请填写{meaning}")
    for key in data.keys() - CITY_ZH.keys():
        remedy = f"可用的键：{'、'.join(CITY_ZH)}{_nearest(key, CITY_ZH)}"
        yield _finding("city_data", file, key, "没有这个键", remedy)


def _fault_of(key: str, value: object) -> str:
    if value is None:
        return "没有填写"
    if not isinstance(value, str):
        return "须为带引号的文字"
    if not value.strip():
        return "是空的"
    if key == "signature" and (not 2 <= len(value) <= _LONGEST_SIGNATURE or "【" in value or "】" in value):
        return f"有 {len(value)} 个字或带有【】，短信网关不收"
    return ""


def _blocks(file: str, template: nodes.Template) -> Iterator[TextFinding]:
    allowed = (*BLOCKS, INBOX_BLOCK)
    named = [block.name for block in template.find_all(nodes.Block)]
    written = f"{{% block {BLOCKS[0]} %}} … {{% endblock %}}"
    if not named:
        yield _finding("unknown_block", file, "", "没有任何一段", f"每段写作 {written}；段名：{'、'.join(allowed)}")
    for name in named:
        if name not in allowed:
            remedy = f"段名须为：{'、'.join(allowed)}{_nearest(name, allowed)}"
            yield _finding("unknown_block", file, name, "没有这一段，其中的文字不会发出", remedy)
    if any(_says_something(each) for each in template.body):
        yield _finding("outside_block", file, "", "有文字写在各段之外，不会发出", f"请移入某一段：{written}")


def _says_something(node: nodes.Node) -> bool:
    if not isinstance(node, nodes.Output):
        return False
    return any(not isinstance(each, nodes.TemplateData) or each.data.strip() for each in node.nodes)


def _facts(
    file: str, event: NoticeEvent, template: nodes.Template, environment: SandboxedEnvironment
) -> Iterator[TextFinding]:
    known = (*fact_names(event), *ALWAYS_KNOWN)
    for block in template.find_all(nodes.Block):
        alone = nodes.Template(block.body, lineno=block.lineno).set_environment(environment)
        assert isinstance(alone, nodes.Template), "what was made above"
        for name in sorted(meta.find_undeclared_variables(alone) - set(known)):
            remedy = f"{event.value} 可用的字段：{'、'.join(known)}{_nearest(name, known)}"
            yield _finding("unknown_fact", file, block.name, f"没有 {name} 这个字段", remedy)
        for name in sorted(set(_of_city(block)) - City.model_fields.keys()):
            keys = [f"city.{each}" for each in City.model_fields]
            remedy = f"可用的是：{'、'.join(keys)}{_nearest(f'city.{name}', keys)}"
            yield _finding("unknown_fact", file, block.name, f"没有 city.{name} 这个字段", remedy)


def _of_city(block: nodes.Block) -> Iterator[str]:
    for each in block.find_all(nodes.Getattr):
        if isinstance(each.node, nodes.Name) and each.node.name == "city":
            yield each.attr


def _nearest(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"；是否应为 {near[0]}" if near else ""


def _finding(kind: FindingKind, file: str, key: str, message: str, remedy: str) -> TextFinding:
    return TextFinding(kind=kind, file=file, key=key, message=message, remedy=remedy)


def _name(path: Path) -> str:
    return "/".join(path.parts[-2:])
