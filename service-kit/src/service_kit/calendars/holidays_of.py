"""Public holidays of a country or one of its parts, from the `holidays` library.

Where a country moves working days (China's 调休), the weekend days that are worked are known as well, for the years
that its government has announced.
"""

from datetime import date
from functools import lru_cache

import holidays
import msgspec

from service_kit.calendars.errors import CalendarError


class Year(msgspec.Struct, frozen=True):
    """One year: days off, and weekend days on which people work."""

    off: frozenset[date] = frozenset()
    worked: frozenset[date] = frozenset()


def check(place: str) -> None:
    """Raises `CalendarError` unless `place` is a country (`CN`) or a part of one (`DE-BY`)."""
    country, _, part = place.partition("-")
    known = holidays.list_supported_countries(include_aliases=True)
    if country not in known:
        raise CalendarError(f"holidays of {country!r} are not known (an ISO 3166 code is wanted, like CN or DE-BY)")
    if part and part not in known[country]:
        raise CalendarError(f"{country} has no part {part!r}: {', '.join(known[country])}")


@lru_cache(maxsize=1_000)
def of_year(place: str, year: int) -> Year:
    """The holidays of a place in a year; "" has none."""
    if not place:
        return Year()
    country, _, part = place.partition("-")
    # A set of its own for every year: the library's fill up when they are asked, which threads may see half done.
    found = holidays.country_holidays(country, subdiv=part or None, years=year)
    worked = (day for day in found.weekend_workdays if day.year == year)
    return Year(frozenset(day for day in found if day.year == year), frozenset(worked))
