"""When an environment is open: `mon-fri 09:00-16:00`, in a time zone, on the clock that hangs on the wall there.

Where the clock is put forward, the hour that is left out is in no window; where it is put back, the hour that comes
twice is in its window twice.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_FORM = re.compile(r"(?:(?P<days>[a-z,-]+)\s+)?(?P<start>\d\d:\d\d)\s*-\s*(?P<end>\d\d:\d\d)")
_DAY = 24 * 60
#: A window comes every week, unless the clock leaves it out: it does that in no two weeks running.
_HORIZON = 16
_STEP = timedelta(hours=6)


@dataclass(frozen=True, kw_only=True, slots=True)
class Window:
    """Some hours of some days of the week."""

    #: 0 is Monday
    days: frozenset[int]
    #: minutes since midnight; one that ends before it starts ends on the next day
    start: int
    end: int

    @staticmethod
    def parse(text: str) -> "Window":
        """Such as "mon-fri 09:00-16:00", "sat,sun 22:00-02:00"; without days it is every day. Raises ValueError."""
        form = _FORM.fullmatch(text.strip().lower())
        if form is None:
            raise ValueError(f'{text!r} is no window, such as "mon-fri 09:00-16:00"')
        start, end = _minutes(form["start"]), _minutes(form["end"])
        if start in {end, _DAY}:
            raise ValueError(f"{text!r} never opens; 00:00-24:00 is a whole day")
        return Window(days=_days(form["days"] or "mon-sun"), start=start, end=end)

    def has(self, wall: datetime) -> bool:
        """Whether that wall time is inside."""
        now, today = wall.hour * 60 + wall.minute, wall.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= now < self.end
        return (today in self.days and now >= self.start) or ((today - 1) % 7 in self.days and now < self.end)


@dataclass(frozen=True, kw_only=True, slots=True)
class Windows:
    """All windows of an environment: open inside any of them."""

    windows: tuple[Window, ...]
    zone: ZoneInfo
    #: as they were written, for people
    words: str

    @staticmethod
    def parse(texts: tuple[str, ...], timezone: str) -> "Windows":
        """Raises ValueError."""
        return Windows(windows=tuple(map(Window.parse, texts)), zone=zone(timezone), words=", ".join(texts))

    def inside(self, moment: datetime) -> bool:
        """Whether it is open at that moment."""
        wall = moment.astimezone(self.zone)
        return any(one.has(wall) for one in self.windows)

    def opens(self, moment: datetime) -> datetime:
        """The first moment, at or after that one, which is inside; in UTC."""
        moment = moment.astimezone(UTC)
        if self.inside(moment):
            return moment
        return min(one for one in self._turns(moment) if one > moment and self.inside(one))

    def _turns(self, moment: datetime) -> Iterator[datetime]:
        """Moments at which it may open: what the windows say, and where the clock on the wall is set."""
        today = moment.astimezone(self.zone).date()
        for day in range(-1, _HORIZON):
            for start in {one.start for one in self.windows}:
                naive = datetime.combine(today + timedelta(days=day), time(start // 60, start % 60))
                for fold in (0, 1):
                    yield naive.replace(tzinfo=self.zone, fold=fold).astimezone(UTC)
        before = moment
        while before < moment + timedelta(days=_HORIZON):
            after = before + _STEP
            if self._offset(before) != self._offset(after):
                yield self._set_between(before, after)
            before = after

    def _set_between(self, before: datetime, after: datetime) -> datetime:
        """The second at which the clock is set."""
        old, second = self._offset(before), timedelta(seconds=1)
        while after - before > second:
            middle = before + (after - before) / 2
            before, after = (middle, after) if self._offset(middle) == old else (before, middle)
        # the clock is set at a whole second, whatever the moment at which the search began
        return after.replace(microsecond=0)

    def _offset(self, moment: datetime) -> timedelta | None:
        return moment.astimezone(self.zone).utcoffset()


def zone(name: str) -> ZoneInfo:
    """The time zone of that name, such as "Europe/Stockholm". Raises ValueError."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # unknown here; no name at all; a folder of names
        raise ValueError(f'there is no time zone {name!r} here, such as "Europe/Stockholm"') from None


def moment_shown(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """Such as "Mon 09:00 CET", with the date where that is a week away or more."""
    wall = moment.astimezone(zone)
    near = timedelta(0) <= moment - now < timedelta(days=6)
    return f"{wall:%a %H:%M %Z}" if near else f"{wall:%a %Y-%m-%d %H:%M %Z}"


def _minutes(text: str) -> int:
    hours, minutes = map(int, text.split(":"))
    if minutes > 59 or hours * 60 + minutes > _DAY:
        raise ValueError(f"{text} is no time of a day")
    return hours * 60 + minutes


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise ValueError(f"{part!r} is no day; the days are {', '.join(_DAYS)}")
        begin = _DAYS.index(first)
        length = (_DAYS.index(last or first) - begin) % 7
        found |= {(begin + one) % 7 for one in range(length + 1)}
    return frozenset(found)
