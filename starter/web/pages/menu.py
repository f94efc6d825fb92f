"""What stands in the bar of every page, by role."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from domain.roles import Role


class Item(NamedTuple):
    """One link of the bar."""

    address: str
    label: str


PUBLIC_MENU = (
    Item("/", "首页"),
    Item("/status", "进度查询"),
    Item("/lists", "公示名单"),
    Item("/verify", "凭证核验"),
    Item("/diseases", "病种与材料"),
    Item("/calendar", "工作日计算"),
)
ROLE_MENU: Mapping[Role, tuple[Item, ...]] = MappingProxyType(
    {
        Role.APPLICANT: (
            Item("/my", "我的申请"),
            Item("/apply", "提交申请"),
            Item("/my/claim", "关联申请"),
            *PUBLIC_MENU[2:],
        ),
        Role.COUNTER: (Item("/counter", "窗口"), *PUBLIC_MENU[2:]),
        Role.EXPERT: (Item("/expert", "待评审"), Item("/diseases", "病种与材料"), Item("/calendar", "工作日计算")),
        Role.OFFICER: (Item("/officer", "经办"), Item("/statistics", "统计"), *PUBLIC_MENU[2:]),
        Role.AUDITOR: (Item("/audit", "稽核"), Item("/statistics", "统计"), *PUBLIC_MENU[2:]),
        Role.OPERATOR: (Item("/operator", "系统"), Item("/statistics", "统计"), *PUBLIC_MENU[2:]),
    }
)


def menu_of(role: Role | None) -> tuple[Item, ...]:
    """Return the bar of somebody."""
    return PUBLIC_MENU if role is None else ROLE_MENU.get(role, PUBLIC_MENU)


def home_of(role: Role) -> str:
    """Return where somebody begins after log-in."""
    return menu_of(role)[0].address


def current_of(items: tuple[Item, ...], path: str) -> str:
    """Return the address of the item a page belongs to: the one that says most of its path; empty if none does."""
    fitting = [each.address for each in items if path == each.address or path.startswith(f"{each.address}/")]
    return max(fitting, key=len, default="")
