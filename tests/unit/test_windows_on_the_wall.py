"""Windows on the clock of a wall, whatever is done to that clock."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from honk.domain.deploy_windows import Windows, moment_shown
from honk.domain.repository_config import parse
from honk.errors import SettingsWrong

STOCKHOLM = "Europe/Stockholm"
ZONES = (STOCKHOLM, "UTC", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Apia", "Asia/Kathmandu")
DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@st.composite
def windows(draw: st.DrawFn) -> tuple[str, ...]:
    made = []
    for _ in range(draw(st.integers(1, 3))):
        days = draw(st.sampled_from(["", "mon-fri ", "sat,sun ", "fri-mon ", "wed ", "sun "]))
        start, end = draw(st.tuples(st.integers(0, 1439), st.integers(1, 1440)).filter(lambda two: two[0] != two[1]))
        made.append(f"{days}{start // 60:02}:{start % 60:02}-{end // 60:02}:{end % 60:02}")
    return tuple(made)


#: near to where clocks are set, and anywhere
MOMENTS = st.one_of(
    st.timedeltas(timedelta(0), timedelta(days=730)).map(lambda more: at("2026-01-01T00:00:00+00:00") + more),
    st.sampled_from(["2026-03-28", "2026-10-24", "2026-03-07", "2026-10-31", "2026-04-03", "2026-04-23", "2011-12-28"])
    .map(lambda day: at(f"{day}T00:00:00+00:00"))
    .flatmap(lambda day: st.timedeltas(timedelta(0), timedelta(days=3)).map(lambda more: day + more)),
)


@settings(max_examples=50, deadline=None)
@given(texts=windows(), zone=st.sampled_from(ZONES), moment=MOMENTS, seconds=st.integers(1, 14 * 86400))
def test_it_opens_at_the_first_moment_that_is_inside(
    texts: tuple[str, ...], zone: str, moment: datetime, seconds: int
) -> None:
    found, now = Windows.parse(texts, zone), moment
    opens = found.opens(now)
    assert opens >= now and found.inside(opens)
    if opens == now:
        return
    # nothing before it is inside: not just before, not at every hour, not at any other moment
    before = opens - timedelta(microseconds=1)
    assert not found.inside(before)
    while before > now:
        assert not found.inside(before)
        before -= timedelta(hours=1)
    other = now + timedelta(seconds=seconds)
    assert other >= opens or not found.inside(other)


@pytest.mark.parametrize(
    ("texts", "zone", "now", "opens"),
    [
        # a Friday evening, and the Monday after it
        (("mon-fri 09:00-16:00",), STOCKHOLM, "2026-11-20T16:00:00+00:00", "2026-11-23T08:00:00+00:00"),
        (("mon-fri 09:00-16:00",), STOCKHOLM, "2026-11-20T15:00:00+01:00", "2026-11-20T14:00:00+00:00"),
        (("mon-fri 09:00-16:00",), STOCKHOLM, "2026-11-20T15:00:00+00:00", "2026-11-23T08:00:00+00:00"),
        # the same wall time is another hour in summer
        (("mon-fri 09:00-16:00",), STOCKHOLM, "2026-03-28T12:00:00+00:00", "2026-03-30T07:00:00+00:00"),
        # over midnight belongs to the day on which it starts
        (("fri 22:00-02:00",), "UTC", "2026-11-21T01:59:59+00:00", "2026-11-21T01:59:59+00:00"),
        (("fri 22:00-02:00",), "UTC", "2026-11-21T02:00:00+00:00", "2026-11-27T22:00:00+00:00"),
        # the hour that is left out: it opens where the clock goes on, or a week later
        (("sun 02:30-04:00",), STOCKHOLM, "2026-03-29T00:00:00+00:00", "2026-03-29T01:00:00+00:00"),
        (("sun 02:10-02:50",), STOCKHOLM, "2026-03-29T00:00:00+00:00", "2026-04-05T00:10:00+00:00"),
        # the hour that comes twice
        (("sun 02:00-02:30",), STOCKHOLM, "2026-10-25T00:29:00+00:00", "2026-10-25T00:29:00+00:00"),
        (("sun 02:00-02:30",), STOCKHOLM, "2026-10-25T00:30:00+00:00", "2026-10-25T01:00:00+00:00"),
        # whole days, and a Friday that Samoa never had
        (("sat 00:00-24:00",), "UTC", "2026-11-20T12:00:00+00:00", "2026-11-21T00:00:00+00:00"),
        (("fri 10:00-11:00",), "Pacific/Apia", "2011-12-30T00:00:00+00:00", "2012-01-05T20:00:00+00:00"),
    ],
)
def test_when_it_opens(texts: tuple[str, ...], zone: str, now: str, opens: str) -> None:
    assert Windows.parse(texts, zone).opens(at(now)) == at(opens)


@pytest.mark.parametrize(
    "lines",
    [
        "windows = []",
        'windows = ["mon-fri 09:00-09:00"]',
        'windows = ["24:00-09:00"]',
        'windows = ["mon-fri 9-16"]',
        'windows = ["monday 09:00-16:00"]',
        'windows = ["mon- 09:00-16:00"]',
        'windows = [", 09:00-16:00"]',
        'windows = ["09:00-25:00"]',
        'windows = ["09:61-12:00"]',
        'windows = [""]',
        'windows = ["٠٩:٠٠-١٠:٠٠x"]',
        'windows = "09:00-10:00"',
        'timezone = "Mars/Olympus"',
        'timezone = "../../etc/passwd"',
        'timezone = "Europe"',
        'timezone = ""',
    ],
)
def test_windows_that_never_open_and_rubbish_are_refused_with_their_line(lines: str) -> None:
    text = f'[build]\ncommand = "b"\noutput = "o"\n[deploy]\ncommand = "d"\n{lines}\n'
    with pytest.raises(SettingsWrong, match=r"line [4-6]"):
        parse(text.encode())


def test_days_and_spaces_as_people_write_them() -> None:
    same = [("mon-fri 09:00-16:00",), (" Mon-Fri  09:00 - 16:00 ",), ("mon,tue,wed,thu-fri 09:00-16:00",)]
    assert len({Windows.parse(one, "UTC").windows for one in same}) == 1


def test_a_moment_says_its_date_where_it_is_far() -> None:
    now, zone = at("2026-11-20T12:00:00+00:00"), ZoneInfo(STOCKHOLM)
    assert moment_shown(at("2026-11-23T08:00:00+00:00"), zone, now) == "Mon 09:00 CET"
    assert moment_shown(at("2026-12-24T08:00:00+00:00"), zone, now) == "Thu 2026-12-24 09:00 CET"
