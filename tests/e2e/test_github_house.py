"""An opened Honk with a GitHub: git by the app's tokens, deliveries at its door, an account linked in a real browser.

Real: Honk's server, store, git, Chromium. Not real: GitHub, which is honk.testing.fake_github on another host name.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from browser import CHROMIUM, browser

from honk.domain.person import Identity
from honk.domain.text import Secret
from honk.service.linking import GIVEN
from honk.settings import Settings
from honk.testing.fake_github import App, FakeGitHub
from honk.wiring import OpenHonk, open_honk
from honk.wiring.github_checks import verify

pytestmark = [pytest.mark.anyio, pytest.mark.e2e]
SECRET = "webhook-s3cret"


@dataclass
class Opened:
    house: OpenHonk
    hub: FakeGitHub
    app: App
    origin: str


@pytest.fixture
async def at(short_tmp: Path, tmp_path: Path) -> AsyncIterator[Opened]:
    (tmp_path / "hub").mkdir()
    async with FakeGitHub(tmp_path / "hub").serving() as hub:
        app = hub.world.app("honk-acme", webhook_secret=SECRET)
        hub.world.user("ada-l")
        hub.world.install(app, hub.world.repository("acme/app", private=True).owner)
        # another host name than Honk's: another site to a browser
        web = hub.web.replace("127.0.0.1", "localhost")
        (short_tmp / "honk.toml").write_text(f'[github]\nweb_url = "{web}"\napi_url = "{hub.url}"\n')
        settings = Settings.load(
            {
                "HONK_HOME": str(short_tmp),
                "GITHUB_APP_ID": str(app.id),
                "GITHUB_APP_PRIVATE_KEY": app.private_key,
                "GITHUB_APP_CLIENT_ID": app.client_id,
                "GITHUB_APP_CLIENT_SECRET": app.client_secret,
                "GITHUB_WEBHOOK_SECRET": SECRET,
            }
        )
        async with open_honk(settings) as house, house.serving("127.0.0.1", 0) as origin:
            app.callback_urls = [f"{origin}/github/callback"]
            yield Opened(house, hub, app, origin)


async def test_repositories_there_have_github_for_a_forge_and_others_have_not(at: Opened) -> None:
    ports = at.house.app.ports
    there = ports.repositories.identify(f"{at.house.settings.file.github.web_url}/acme/app.git")
    assert await ports.ci.watches(there)
    assert not await ports.ci.watches(ports.repositories.identify("/srv/app"))
    base = await ports.repositories.base(there, None)
    assert base.commit == at.hub.world.repo("acme/app").bare.refs()["refs/heads/main"], "git got in by the app's token"
    for kept in at.house.home.rglob("*"):
        if kept.is_file() and kept.stat().st_size < 1 << 20:
            assert b"ghs_" not in kept.read_bytes(), kept


async def test_deliveries_are_taken_where_they_are_signed(at: Opened) -> None:
    assert (await verify(at.origin, Secret(SECRET))).ok
    assert not (await verify(at.origin, Secret("another"))).ok
    async with httpx.AsyncClient() as client:
        assert (await client.post(f"{at.origin}/gitlab/events")).status_code in {404, 405}


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: the way to GitHub and back is not tried in a browser")
async def test_a_person_goes_to_github_and_comes_back_as_that_user(at: Opened, tmp_path: Path) -> None:
    """GitHub is another site, so its answer comes without the cookie of the visit at first."""
    house = at.house
    issued = await house.app.ports.tokens.issue(house.person.id, "phone", GIVEN)
    async with browser(tmp_path / "profile") as chromium:
        page = await chromium.page()
        await page.go(f"{at.origin}/github/link")
        await page.run(f"document.querySelector('[name=token]').value = {issued.secret.reveal()!r}")
        await page.click(".sign-in button")
        await page.until("location.pathname === '/github/link' && document.readyState === 'complete'")
        await page.click("main a")
        await page.until("location.hostname === 'localhost' && document.title === 'Authorize application'")
        await page.run("location.href += '&login=ada-l'")
        await page.until("location.pathname === '/github/link' && document.readyState === 'complete'")
        assert "Honk opens your pull requests as ada-l" in await page.text()
        assert house.users is not None and await house.users.token(house.person) is not None
        await page.click("main button")
        await page.until("document.querySelector('main a').textContent.startsWith('Go to GitHub')")
    assert await house.users.token(house.person) is None
    assert not (await house.linking.who(Identity.parse("github:ada-l"), "ada-l")).linked
