"""Made-up people: valid identity numbers that clearly belong to nobody.

A person of a story is born on 1 January, a person made for load tests on the 2nd of a month,
somebody at work on the 3rd; telephones are 1380000xxxx and mail addresses end in example.cn.
"""

from datetime import date
from typing import Any
from zlib import crc32

from pydantic import BaseModel, ConfigDict

DISTRICTS: dict[str, tuple[tuple[str, str], ...]] = {
    "510400": (
        ("510402", "四川省攀枝花市东区"),
        ("510403", "四川省攀枝花市西区"),
        ("510411", "四川省攀枝花市仁和区"),
        ("510421", "四川省攀枝花市米易县"),
        ("510422", "四川省攀枝花市盐边县"),
    ),
    "620900": (
        ("620902", "甘肃省酒泉市肃州区"),
        ("620921", "甘肃省酒泉市金塔县"),
        ("620922", "甘肃省酒泉市瓜州县"),
        ("620981", "甘肃省酒泉市玉门市"),
        ("620982", "甘肃省酒泉市敦煌市"),
    ),
}
"""Districts of each city by their GB/T 2260 code."""

_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨"
_GIVEN = ("样一", "样二", "示安", "示平", "例和", "例宁", "虚怀", "虚谷", "构成", "构思", "范文", "范例")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_BIRTH_YEARS = range(1940, 2000)
_SERIALS = 999
_PEOPLE = 5 * _SERIALS * len(_BIRTH_YEARS) * 12
_STRIDE = 1_000_003  # a prime that does not divide _PEOPLE, so that seeds map one to one onto people


class Person(BaseModel):
    """One made-up applicant; `category` and `tier` as in the application's JSON."""

    model_config = ConfigDict(frozen=True)

    name: str
    id_number: str
    phone: str
    email: str
    region: str
    address: str
    category: str
    tier: str | None = None

    @property
    def born_on(self) -> date:
        """The birth date the number holds in its digits 7-14."""
        return date.fromisoformat(self.id_number[6:14])

    @property
    def sex(self) -> str:
        """男 or 女, from the 17th digit."""
        return "男" if int(self.id_number[16]) % 2 else "女"

    def age(self, on: date) -> int:
        """Full years on a date."""
        return on.year - self.born_on.year - ((on.month, on.day) < (self.born_on.month, self.born_on.day))

    def applicant(self) -> dict[str, Any]:
        """Return the `applicant` object of an application file."""
        return {
            "name": self.name,
            "id_number": self.id_number,
            "phone": self.phone,
            "email": self.email,
            "insured_category": self.category,
            "tier": self.tier,
            "agent": None,
        }


def id_number(district: str, born_on: date, serial: int) -> str:
    """Return an 18-character number with its GB 11643 check character; `serial` 1-999, odd for men."""
    body = f"{district}{born_on:%Y%m%d}{serial:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


def story_person(
    *, name: str, region: str, district: int, year: int, serial: int, category: str, tier: str | None = None
) -> Person:
    """Return the person of one story, born on 1 January of `year`; `serial` is odd for men."""
    code, place = DISTRICTS[region][district]
    return Person(
        name=name,
        id_number=id_number(code, date(year, 1, 1), serial),
        phone=f"1380000{serial:04d}",
        email=f"sample{serial:04d}@example.cn",
        region=region,
        address=f"{place}样例路{serial % 90 + 1}号虚构小区{serial % 9 + 1}栋",
        category=category,
        tier=tier,
    )


def load_person(seed: int, region: str) -> Person:
    """Return one of 3,596,400 distinct people of a city; another seed below that is another person."""
    rest, district = divmod(seed * _STRIDE % _PEOPLE, 5)
    rest, serial = divmod(rest, _SERIALS)
    year, month = divmod(rest, 12)
    code, place = DISTRICTS[region][district]
    resident = seed % 2 == 0
    return Person(
        name=_SURNAMES[seed % len(_SURNAMES)] + _GIVEN[seed // len(_SURNAMES) % len(_GIVEN)],
        id_number=id_number(code, date(_BIRTH_YEARS[year], month + 1, 2), serial + 1),
        phone=f"1380000{seed % 10_000:04d}",
        email=f"load{seed}@example.cn",
        region=region,
        address=f"{place}样例路{seed % 90 + 1}号",
        category="resident" if resident else "employee",
        tier="high" if resident and region == "510400" else None,
    )


def official_id_number(name: str) -> str:
    """Return the ID number of a made-up person at work, the same for the same name; no patient's of the samples."""
    rest = crc32(name.encode())
    rest, serial = divmod(rest, _SERIALS)
    year, month = divmod(rest % (12 * len(_BIRTH_YEARS)), 12)
    return id_number("510402", date(_BIRTH_YEARS[year], month + 1, 3), serial + 1)
