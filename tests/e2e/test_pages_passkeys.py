"""Signing in on a phone, in a real browser: a link, a passkey that Chromium itself makes and shows, and the devices."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from axe import installed, serious
from browser import CHROMIUM, Browser, Page, browser

from honk.doors.cli.signing_in import link_of
from honk.settings import Settings
from honk.wiring import open_honk
from honk.wiring.serving import listening

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.e2e,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the pages are not tried in a browser (make browser)"),
]


@pytest.fixture
async def chromium(tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser(tmp_path / "profile") as made:
        yield made


async def with_authenticator(page: Page) -> None:
    """A phone with a lock, whose owner always agrees."""
    await page.ask("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    await page.ask("WebAuthn.addVirtualAuthenticator", options=options)


async def looks_right(page: Page, shots: Path, name: str) -> None:
    """On a phone, light and dark, for everybody."""
    for dark in (False, True):
        await page.screenshot(shots / f"{name}-{'dark' if dark else 'light'}.png", dark=dark)
    wide = await page.run("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0, f"{name} is {wide} pixels too wide for a phone"
    if installed():
        assert await serious(page) == []


async def test_a_link_a_passkey_and_the_devices(short_tmp: Path, tmp_path: Path, chromium: Browser) -> None:
    async with open_honk(Settings.load({"HONK_HOME": str(short_tmp)})) as house:
        with listening("127.0.0.1", 0) as (listener, origin), house.addresses.announced(origin):
            async with house.serve_on(listener):
                at = origin.replace("127.0.0.1", "localhost")
                page = await chromium.page()
                for domain in ("Log", "Runtime"):
                    await page.ask(f"{domain}.enable")
                await with_authenticator(page)

                await page.go((await link_of(house)).replace(origin, at))
                await looks_right(page, tmp_path, "link")
                await page.click(".way button")
                await page.until("location.pathname === '/'")

                await page.go(f"{at}/devices")
                await page.run("document.querySelector('[name=name]').value = 'my phone'")
                await page.click("[data-passkey] button")
                await page.until("document.body.innerText.includes('my phone')")
                await looks_right(page, tmp_path, "devices")
                await page.click("[action='/devices/end-all'] button")
                await page.until("location.pathname === '/sign-in'")

                await page.go(f"{at}/sign-in?to=%2Fdevices")
                await looks_right(page, tmp_path, "sign-in")
                await page.click("[data-passkey] button")
                await page.until("location.pathname === '/devices'")
                assert "by a passkey" in await page.text() and "last used" in await page.text()

                await page.click("[action='/devices/passkeys/remove'] button")
                await page.until("document.body.innerText.includes('You have none yet')")
                await page.go(f"{at}/sign-in?to=%2Fdevices")  # signed in still
                assert await page.run("location.pathname") == "/devices"
                assert chromium.complaints == []
