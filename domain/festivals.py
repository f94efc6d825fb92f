"""The statutory festivals of China, computed: new moons and solar terms in +08:00.

Days off for everyone by 《全国年节及纪念日放假办法》 in its versions of 1999, 2007, 2013 and 2024. Only the
festival days themselves are in the law; days moved around them (调休, 补假) are never computed, the State
Council sets them. The lunar calendar follows GB/T 33661-2017: a month begins on the day of the new moon,
the 11th month holds the winter solstice, and of 13 months the first one without a major solar term is the
leap month. Astronomy: J. Meeus, Astronomical Algorithms, chapters 25 and 32 (sun), 49 (new moon); delta T:
Espenak and Meeus.
"""

from datetime import date, timedelta
from functools import lru_cache
from math import cos, degrees, floor, radians, sin

FIRST_YEAR = 2004
LAST_YEAR = 2100
"""Festivals are computed for these years only; the tests compare every one of them with an oracle."""

NEW_YEAR = "元旦"
SPRING_FESTIVAL = "春节"
QINGMING = "清明节"
LABOUR_DAY = "劳动节"
DRAGON_BOAT = "端午节"
MID_AUTUMN = "中秋节"
NATIONAL_DAY = "国庆节"

_JD_OF_ORDINAL_ZERO = 1721424.5
_CHINA = 8 / 24
_TROPICAL_YEAR = 365.2422
_SYNODIC_MONTH = 29.530588861
_WINTER_SOLSTICE = 270
_QINGMING_LONGITUDE = 15

# Coefficient in days, power of E, multiples of M (sun), M' (moon), F (moon's latitude): Meeus table 49.A,
# new moon.
_NEW_MOON_TERMS: tuple[tuple[float, int, int, int, int], ...] = (
    (-0.40720, 0, 0, 1, 0),
    (0.17241, 1, 1, 0, 0),
    (0.01608, 0, 0, 2, 0),
    (0.01039, 0, 0, 0, 2),
    (0.00739, 1, -1, 1, 0),
    (-0.00514, 1, 1, 1, 0),
    (0.00208, 2, 2, 0, 0),
    (-0.00111, 0, 0, 1, -2),
    (-0.00057, 0, 0, 1, 2),
    (0.00056, 1, 1, 2, 0),
    (-0.00042, 0, 0, 3, 0),
    (0.00042, 1, 1, 0, 2),
    (0.00038, 1, 1, 0, -2),
    (-0.00024, 1, -1, 2, 0),
    (-0.00007, 0, 2, 1, 0),
    (0.00004, 0, 0, 2, -2),
    (0.00004, 0, 3, 0, 0),
    (0.00003, 0, 1, 1, -2),
    (0.00003, 0, 0, 2, 2),
    (-0.00003, 0, 1, 1, 2),
    (0.00003, 0, -1, 1, 2),
    (-0.00002, 0, -1, 1, -2),
    (-0.00002, 0, 1, 3, 0),
    (0.00002, 0, 0, 4, 0),
)

# Coefficient in days, angle in degrees, its change per lunation: the planetary arguments of chapter 49.
_PLANET_TERMS: tuple[tuple[float, float, float], ...] = (
    (0.000325, 299.77, 0.107408),
    (0.000165, 251.88, 0.016321),
    (0.000164, 251.83, 26.651886),
    (0.000126, 349.42, 36.412478),
    (0.000110, 84.66, 18.206239),
    (0.000062, 141.74, 53.303771),
    (0.000060, 207.14, 2.453732),
    (0.000056, 154.84, 7.306860),
    (0.000047, 34.52, 27.261239),
    (0.000042, 207.19, 0.121824),
    (0.000040, 291.34, 1.844379),
    (0.000037, 161.72, 24.198154),
    (0.000035, 239.56, 25.513099),
    (0.000023, 331.55, 3.592518),
)

# Heliocentric longitude of the earth by powers of time in millennia from J2000: amplitude in 1e-8 radian,
# phase, and rate in radians per millennium. VSOP87 as shortened in Meeus, appendix III; good to a few arc
# seconds, a minute of time. Chapter 25's shorter series is not enough: it puts Qingming of 2071 on the
# wrong side of midnight.
_EARTH: tuple[tuple[tuple[float, float, float], ...], ...] = (
    (
        (175347046, 0, 0),
        (3341656, 4.6692568, 6283.0758500),
        (34894, 4.62610, 12566.15170),
        (3497, 2.7441, 5753.3849),
        (3418, 2.8289, 3.5231),
        (3136, 3.6277, 77713.7715),
        (2676, 4.4181, 7860.4194),
        (2343, 6.1352, 3930.2097),
        (1324, 0.7425, 11506.7698),
        (1273, 2.0371, 529.6910),
        (1199, 1.1096, 1577.3435),
        (990, 5.233, 5884.927),
        (902, 2.045, 26.298),
        (857, 3.508, 398.149),
        (780, 1.179, 5223.694),
        (753, 2.533, 5507.553),
        (505, 4.583, 18849.228),
        (492, 4.205, 775.523),
        (357, 2.920, 0.067),
        (317, 5.849, 11790.629),
        (284, 1.899, 796.298),
        (271, 0.315, 10977.079),
        (243, 0.345, 5486.778),
        (206, 4.806, 2544.314),
        (205, 1.869, 5573.143),
        (202, 2.458, 6069.777),
        (156, 0.833, 213.299),
        (132, 3.411, 2942.463),
        (126, 1.083, 20.775),
        (115, 0.645, 0.980),
        (103, 0.636, 4694.003),
        (102, 0.976, 15720.839),
        (102, 4.267, 7.114),
    ),
    (
        (628331966747, 0, 0),
        (206059, 2.678235, 6283.075850),
        (4303, 2.6351, 12566.1517),
        (425, 1.590, 3.523),
        (119, 5.796, 26.298),
        (109, 2.966, 1577.344),
    ),
    ((52919, 0, 0), (8720, 1.0721, 6283.0758), (309, 0.867, 12566.152)),
    ((289, 5.844, 6283.076), (35, 0, 0)),
)


@lru_cache(maxsize=LAST_YEAR - FIRST_YEAR + 1)
def statutory_festivals(year: int) -> tuple[tuple[date, str], ...]:
    """Return the festival days of a year with their names, by date; empty outside 2004..2100.

    Two festivals on one day share it (`国庆节、中秋节`). A pure function of the year: the cache changes no
    answer.
    """
    if not FIRST_YEAR <= year <= LAST_YEAR:
        return ()
    days: dict[date, str] = {}
    for on, name in sorted(_solar_festivals(year) + _lunar_festivals(year), key=lambda each: each[0]):
        days[on] = f"{days[on]}、{name}" if on in days else name
    return tuple(days.items())


def _solar_festivals(year: int) -> list[tuple[date, str]]:
    """Festivals of the civil calendar, and Qingming (its own day off since 2008)."""
    labour = 3 if year <= 2007 else 2 if year >= 2025 else 1
    days = [(date(year, 1, 1), NEW_YEAR)]
    days += [(date(year, 5, day), LABOUR_DAY) for day in range(1, labour + 1)]
    days += [(date(year, 10, day), NATIONAL_DAY) for day in range(1, 4)]
    if year >= 2008:
        days.append((qingming(year), QINGMING))
    return days


def _lunar_festivals(year: int) -> list[tuple[date, str]]:
    """Spring Festival; Dragon Boat and Mid-Autumn since 2008.

    The eve was a day off in 2008-2013 (instead of the third day) and is again since 2025 (beside it).
    """
    first = lunar_date(year, 1, 1)
    from_eve = -1 if 2008 <= year <= 2013 or year >= 2025 else 0
    through = 2 if 2008 <= year <= 2013 else 3
    days = [(first + timedelta(days=offset), SPRING_FESTIVAL) for offset in range(from_eve, through)]
    if year >= 2008:
        days.append((lunar_date(year, 5, 5), DRAGON_BOAT))
        days.append((lunar_date(year, 8, 15), MID_AUTUMN))
    return days


def qingming(year: int) -> date:
    """Return the day on which the sun reaches longitude 15 degrees."""
    return _civil_date(_sun_reaches(_QINGMING_LONGITUDE, near=date(year, 4, 5)))


def lunar_date(year: int, month: int, day: int) -> date:
    """Return the civil date of a day of the lunar year that begins in `year`; month 1..10, never the leap
    one.

    Months 11 and 12 belong to the next solstice year and hold no festival.
    """
    months = _month_starts(year)
    names = _month_names(months)
    return months[names.index(month)] + timedelta(days=day - 1)


def _month_starts(year: int) -> list[date]:
    """First days of the months from the 11th of the year before up to, and including, the 11th of `year`."""
    opening = _eleventh_month(year - 1)
    closing = _eleventh_month(year)
    return [_new_moon_day(k) for k in range(opening, closing + 1)]


def _month_names(starts: list[date]) -> list[int]:
    """Number the months 11, 12, 1 ... 10; a leap month is 0."""
    names: list[int] = []
    leap = _leap_index(starts) if len(starts) == 14 else None
    for index in range(len(starts) - 1):
        place = index if leap is None or index < leap else index - 1
        names.append(0 if index == leap else (place + 10) % 12 + 1)
    return names


def _leap_index(starts: list[date]) -> int:
    """Index of the first month without a major solar term (中气)."""
    terms = [_civil_date(_sun_reaches(each % 360, near=near)) for each, near in _major_terms(starts[0])]
    for index in range(1, len(starts) - 1):
        if not any(starts[index] <= term < starts[index + 1] for term in terms):
            return index
    raise AssertionError("13 months hold 12 major terms")


def _major_terms(opening: date) -> list[tuple[int, date]]:
    """Longitudes of the major terms from the winter solstice on, with a date within some days of each."""
    solstice = date(opening.year, 12, 21)
    return [
        (_WINTER_SOLSTICE + 30 * step, solstice + timedelta(days=_TROPICAL_YEAR * step / 12)) for step in range(13)
    ]


def _eleventh_month(year: int) -> int:
    """Lunation number of the month that holds the winter solstice of `year`."""
    solstice = _civil_date(_sun_reaches(_WINTER_SOLSTICE, near=date(year, 12, 21)))
    k = floor((solstice - date(2000, 1, 6)).days / _SYNODIC_MONTH) + 1
    while _new_moon_day(k) > solstice:
        k -= 1
    return k


def _new_moon_day(k: int) -> date:
    return _civil_date(_new_moon(k))


def _new_moon(k: int) -> float:
    """Julian ephemeris day of the k-th new moon after that of 2000-01-06; good to seconds."""
    t = k / 1236.85
    e = 1 - 0.002516 * t - 0.0000074 * t * t
    m = radians(2.5534 + 29.10535670 * k - 0.0000014 * t**2)
    m1 = radians(201.5643 + 385.81693528 * k + 0.0107582 * t**2 + 0.00001238 * t**3)
    f = radians(160.7108 + 390.67050284 * k - 0.0016118 * t**2 - 0.00000227 * t**3)
    node = radians(124.7746 - 1.56375588 * k + 0.0020672 * t**2)
    jde = 2451550.09766 + _SYNODIC_MONTH * k + 0.00015437 * t**2 - 0.00000015 * t**3
    jde += sum(c * e**power * sin(x * m + y * m1 + z * f) for c, power, x, y, z in _NEW_MOON_TERMS)
    jde += sum(c * sin(radians(angle + rate * k)) for c, angle, rate in _PLANET_TERMS)
    return jde - 0.00017 * sin(node)


def _sun_reaches(longitude: int, *, near: date) -> float:
    """Julian ephemeris day on which the apparent sun stands at a longitude in degrees, close to a date."""
    jde = near.toordinal() + _JD_OF_ORDINAL_ZERO
    for _ in range(6):
        ahead = (longitude - _sun_longitude(jde) + 180) % 360 - 180
        jde += ahead * _TROPICAL_YEAR / 360
    return jde


def _sun_longitude(jde: float) -> float:
    """Apparent longitude of the sun in degrees: earth's place seen backwards, nutation, aberration."""
    t = (jde - 2451545) / 365250
    earth = sum(
        t**power * sum(size * cos(phase + rate * t) for size, phase, rate in terms)
        for power, terms in enumerate(_EARTH)
    )
    node = radians(125.04452 - 19341.36261 * t)
    mean = radians(280.4665 + 360007.698 * t)
    moon = radians(218.3165 + 4812678.813 * t)
    nutation = -17.20 * sin(node) - 1.32 * sin(2 * mean) - 0.23 * sin(2 * moon) + 0.21 * sin(2 * node)
    distance = 1 - 0.01671 * cos(radians(357.5291 + 359990.503 * t))
    return degrees(earth * 1e-8) + 180 + (nutation - 20.4898 / distance - 0.0903) / 3600


def _civil_date(jde: float) -> date:
    """Date in +08:00 of an ephemeris instant."""
    universal = jde - _delta_t(2000 + (jde - 2451545) / 365.25) / 86400
    return date.fromordinal(floor(universal + _CHINA - _JD_OF_ORDINAL_ZERO))


def _delta_t(year: float) -> float:
    """Seconds between terrestrial and universal time."""
    if year < 2050:
        t = year - 2000
        return 62.92 + 0.32217 * t + 0.005589 * t * t
    return -20 + 32 * ((year - 1820) / 100) ** 2 - 0.5628 * (2150 - year)
