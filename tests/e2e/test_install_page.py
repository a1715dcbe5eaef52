"""The install page of an app in a real browser on a phone's screen, from a file that was read in the real sandbox.

Real: Chromium, HTTP server, store, sandbox, the .apk (made by Debian's tools). Not real: the phone, so nothing is
installed; and the task, which is put into the store.
"""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from browser import CHROMIUM, Browser, browser
from test_pages_site import Served, served, sign_in

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from honk.domain.event import AgentFinished
from honk.domain.repository import Sha
from honk.steps.build import given
from honk.steps.share import share

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.sandbox,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]
APK = Path(__file__).resolve().parents[1] / "data" / "android" / "app.apk"


@pytest.fixture
async def site(short_tmp: Path) -> AsyncIterator[Served]:
    async with served(short_tmp) as made:
        yield made


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def test_a_phone_gets_the_app_from_the_page_that_a_link_opens(
    site: Served, chromium: Browser, tmp_path: Path
) -> None:
    ports = site.house.app.ports
    file = tmp_path / "given.apk"
    shutil.copy(APK, file)
    summary = "Corrected it.\nTo try: open an empty playlist and press play."
    await ports.events.record(
        site.task.id, 1, AgentFinished(attempt=1, summary=summary, cut_short="", reason="", seconds=1.0)
    )
    made = await given(site.task, Sha("c" * 40), file, ports=ports)
    shared = await share(site.task, await ports.tasks.turn(site.task.id, 1), made, ports=ports)
    page = await chromium.page()
    assert shared.preview_url is not None
    await page.go(shared.preview_url)
    text = await page.text()
    for said in ("Music player", "1.4.0 (57)+ccccccc", "Android 7.0 and later", "open an empty playlist"):
        assert said in text, said
    assert await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert await page.run("document.querySelector('.app-icon').naturalWidth") == 144
    tall = await page.run("document.querySelector('.launch').getBoundingClientRect().height")
    assert tall >= 44, "too small for a thumb"
    size = await page.run("fetch(document.querySelector('.launch').href).then(a => a.blob()).then(b => b.size)")
    assert size == APK.stat().st_size
    known = await ports.records.find_build(made.id)
    assert known is not None and known.fetched == 1
    await page.screenshot(tmp_path / "install.png")
    await page.screenshot(tmp_path / "install-dark.png", dark=True)

    await sign_in(page, site, f"/builds/{made.id}")
    assert "A phone fetched it 1 time." in await page.text()
    assert await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    await page.screenshot(tmp_path / "build.png")
    await page.run("window.before = true")
    await page.click("form[action$='/end-links'] button")
    await page.until("!window.before && document.readyState === 'complete'")
    await page.go(shared.preview_url)
    assert "no longer works" in await page.text()
