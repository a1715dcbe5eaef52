"""TestFlight and the helper for a phone's identifier, on a phone's screen in a real browser.

Real: Chromium, HTTP server, store, sandbox, the answer's signature. Not real: the phone, Apple, and the .ipa.
"""

import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, Page, browser
from test_pages_site import Served, served

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import DEVICES, ipa
from honk.domain.channel import ChannelState, Offer, Seen
from honk.domain.install_link import path_of
from honk.domain.repository import Sha
from honk.doors.web.device_page import DevicePage
from honk.doors.web.phone_answer import Phone
from honk.steps.build import given

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.sandbox,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]
FLIGHT = "https://beta.itunes.apple.com/v1/app/1182814395"


@pytest.fixture
async def site(short_tmp: Path) -> AsyncIterator[Served]:
    async with served(short_tmp) as made:
        yield made


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def _fits(page: Page) -> None:
    assert await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0


async def test_a_phone_is_led_to_testflight_and_told_whether_it_is_in_the_profile(
    site: Served, chromium: Browser, tmp_path: Path
) -> None:
    ports, file = site.house.app.ports, tmp_path / "app.ipa"
    file.write_bytes(ipa())
    build = await given(site.task, Sha("c" * 40), file, ports=ports)
    now, seal = ports.clock(), ports.previews.seal
    seen = Seen(state=ChannelState.READY, link=FLIGHT, until=now + timedelta(days=90))
    await ports.offers.begin(
        Offer(build=build.id, task=build.task, channel="t", title="TestFlight", seen=seen, since=now, due=None)
    )
    page = await chromium.page()
    await page.go(site.at(path_of(build, "page", seal, now)))
    assert "Open in TestFlight" in await page.text()
    assert await page.run("document.querySelector('.launch').href") == FLIGHT
    await _fits(page)
    await page.screenshot(tmp_path / "ways.png")
    where = site.at(path_of(build, "device", seal, now))
    await page.go(where)
    assert "A phone answers only to an https address" in await page.text()
    await _fits(page)
    await page.screenshot(tmp_path / "device.png")
    sessions = None  # no form is taken here
    pages = DevicePage(ports=ports, sessions=sessions, key=site.house.addresses.derived("device"))  # type: ignore[arg-type]
    for udid, said in ((DEVICES[0], "This iPhone is in the profile"), ("F" * 8 + "-" + "F" * 16, "not in the profile")):
        token = pages._sealed(Phone(udid=udid, product="iPhone14,2"), build.id, timedelta(minutes=5))
        await page.go(f"{where}found/{token}")
        assert said in await page.text() and udid in await page.text()
        await _fits(page)
    await page.screenshot(tmp_path / "found.png", dark=True)
    await page.click("form[action$='/keep'] button")
    await page.until("document.body.innerText.includes('Forget it')")
    await page.go(site.at(path_of(build, "page", seal, now)))
    assert "This iPhone is not in its profile" in await page.text()
    await page.click("a[href*='/device/']")
    await page.until("document.body.innerText.includes('Forget it')")
    await page.click("form[action$='/forget'] button")
    await page.until("document.body.innerText.includes('Is this iPhone in the profile?')")
