"""`honk github setup`, `check` and the doctor, against a GitHub that behaves: each permission is tried."""

import hashlib
import hmac
import json
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import anyio
import httpx
import pytest
import typer
from aiohttp import web
from typer.testing import CliRunner

from honk.adapters.sql import SqlStore
from honk.doors.cli.github import GithubSetup as Setup
from honk.doors.cli.github import add_github_commands, snippet
from honk.errors import ForgeRefused, NotNow, Unreachable, Usage
from honk.service import Diagnosis
from honk.settings import Settings
from honk.settings.github import place_of_app
from honk.testing.fake_github import App, FakeGitHub
from honk.wiring.doctor_github import NOTED, github
from honk.wiring.github_app import EVENTS, EVENTS_PATH, PERMISSIONS
from honk.wiring.github_asking import asking
from honk.wiring.github_checks import Checks, verify
from honk.wiring.github_registering import Registration
from honk.wiring.github_setup import GithubSetup
from partners.github_openapi import check_requests

pytestmark = pytest.mark.anyio
GRANTED = {name: one.level for name, one in PERMISSIONS.items()}
SECRET = "webhook-s3cret"


@dataclass
class There:
    hub: FakeGitHub
    home: Path

    def settings(self, environ: dict[str, str] | None = None, *, public_url: str = "", more: str = "") -> Settings:
        file = (
            f'public_url = "{public_url}"\n[github]\nweb_url = "{self.hub.web}"\napi_url = "{self.hub.url}"\n{more}\n'
        )
        (self.home / "honk.toml").write_text(file)
        return Settings.load({"HONK_HOME": str(self.home), **(environ or {})})

    def app(self, **more: object) -> tuple[App, dict[str, str]]:
        """Honk's app with one repository, and the variables that open it."""
        wanted: dict[str, object] = {"permissions": GRANTED, "events": EVENTS, "webhook_secret": SECRET, **more}
        app = self.hub.world.app("honk-acme", owner=self.hub.world.org("maker"), **wanted)  # type: ignore[arg-type]
        return app, {
            "GITHUB_APP_ID": str(app.id),
            "GITHUB_APP_PRIVATE_KEY": app.private_key,
            "GITHUB_WEBHOOK_SECRET": SECRET,
        }

    def installed(self, **more: object) -> dict[str, str]:
        app, environ = self.app(**more)
        self.hub.world.repository("acme/app")
        self.hub.world.install(app, "acme")
        return environ

    async def checked(self, settings: Settings) -> dict[str, Diagnosis]:
        return {one.name.removeprefix("GitHub: "): one async for one in GithubSetup(settings).check()}


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[There]:
    for name in ("hub", "home"):
        (tmp_path / name).mkdir()
    async with FakeGitHub(tmp_path / "hub").serving() as hub:
        yield There(hub, tmp_path / "home")
        check_requests(hub.world)


async def through_github(page: str) -> str:
    """What a browser does with the page: it posts the form, and is sent back somewhere."""
    action = re.search(r'action="([^"]+)"', page)
    manifest = re.search(r'name=manifest value="([^"]*)"', page)
    assert action is not None and manifest is not None, page
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(unescape(action[1]), data={"manifest": unescape(manifest[1])})
    assert answer.status_code == 302, answer.text
    return str(answer.headers["location"])


async def made(setup: GithubSetup, begun: Registration) -> None:
    """The whole of it in a browser on this machine."""
    async with setup.served(begun, 0), httpx.AsyncClient() as browser:
        shown = await browser.get(begun.address)
        assert shown.status_code == 200
        back = await through_github(shown.text)
        done = await browser.get(back)
        assert done.status_code == 200 and "Go on in the terminal" in done.text
        await setup.finish(await begun.code(5))


# ── making the app ─────────────────────────────────────────────────────────────────────────────
async def test_from_nothing_to_an_app_whose_key_nobody_else_reads(there: There) -> None:
    settings = there.settings(public_url="https://honk.example.com")
    setup = GithubSetup(settings)
    assert not setup.standing().app
    await made(setup, setup.begun("honk-acme", ""))
    path = place_of_app(there.home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    access = there.settings(public_url="https://honk.example.com").github
    (app,) = [one for one in there.hub.world.apps.values() if one.slug == "honk-acme"]
    assert (access.app_id, access.slug, access.client_id) == (str(app.id), "honk-acme", app.client_id)
    assert access.private_key.reveal().strip() == app.private_key.strip() and access.links
    assert access.webhook_secret.reveal() == app.webhook_secret
    assert (app.permissions, tuple(app.events)) == (GRANTED, EVENTS)
    assert app.webhook_url == f"https://honk.example.com{EVENTS_PATH}"
    assert app.callback_urls == ["https://honk.example.com/github/callback"]
    assert await setup.installed() == ()
    with pytest.raises(NotNow, match="there is an app already, honk-acme"):
        setup.begun("honk", "")


async def test_an_organisations_app_is_made_there(there: There) -> None:
    there.hub.world.org("acme")
    setup = GithubSetup(there.settings())
    await made(setup, setup.begun("honk", "acme"))
    (app,) = [one for one in there.hub.world.apps.values() if one.slug == "honk"]
    assert app.owner.login == "acme"


async def test_a_browser_elsewhere_carries_a_page_there_and_an_address_back(there: There) -> None:
    setup = GithubSetup(there.settings())
    begun = setup.begun("honk", "")
    file = setup.written(begun)
    back = await through_github(file.read_text())
    assert back.startswith("http://127.0.0.1/made?code=")
    for wrong in ("", "https://github.com", back.replace("state=", "state=0"), "http://127.0.0.1/made?code=abcdefgh"):
        with pytest.raises(Usage):
            begun.pasted(wrong)
    found = await setup.finish(begun.pasted(f" {back}\n"))
    assert found.slug == "honk" and found.install == f"{there.hub.web}/apps/honk/installations/new"
    assert not file.exists(), "the page has done its work"


async def test_the_page_believes_its_own_attempt_alone(there: There) -> None:
    setup = GithubSetup(there.settings())
    begun = setup.begun("honk", "")
    async with setup.served(begun, 0), httpx.AsyncClient() as browser:
        origin = begun.address.rsplit("/", 1)[0]
        assert (await browser.get(f"{origin}/")).status_code == 404
        shown = await browser.get(begun.address)
        policy = shown.headers["content-security-policy"]
        assert f"form-action {there.hub.web}" in policy and "frame-ancestors 'none'" in policy
        for query in (
            "code=abcdefgh",
            "code=abcdefgh&state=0",
            f"state={begun.path[1:]}",
            f"code=a/b&state={begun.path[1:]}",
        ):
            assert (await browser.get(f"{origin}/made?{query}")).status_code == 403, query
        with pytest.raises(Unreachable, match="nobody came back"):
            await begun.code(0.01)


async def test_a_code_is_good_once(there: There) -> None:
    setup = GithubSetup(there.settings())
    begun = setup.begun("honk", "")
    code = parse_qs(urlsplit(await through_github(begun.page())).query)["code"][0]
    await setup.finish(code)
    with pytest.raises(ForgeRefused, match="did not take the code"):
        await GithubSetup(there.settings()).finish(code)


async def test_a_public_address_that_comes_later_is_told_to_github(there: There) -> None:
    app, environ = there.app(webhook_url="https://old.example.com/github/events")
    assert await GithubSetup(there.settings(environ)).point() == "", "without an address there is nothing to tell"
    setup = GithubSetup(there.settings(environ, public_url="https://honk.example.com"))
    assert await setup.point() == app.webhook_url == f"https://honk.example.com{EVENTS_PATH}"
    assert app.webhook_secret == SECRET
    assert await setup.point() == ""


# ── trying it ──────────────────────────────────────────────────────────────────────────────────
async def test_everything_is_tried_and_no_token_stays(there: There) -> None:
    found = await there.checked(there.settings(there.installed()))
    assert {name: one.detail for name, one in found.items() if not one.ok} == {}
    assert found["permissions"].detail == found["permissions at acme"].detail == f"all {len(PERMISSIONS)}"
    assert found["app"].detail == "honk-acme, of maker: mention it as @honk-acme"
    assert found["webhook"].detail == "none: Honk looks for news itself every 60 s"
    assert (
        "1 repositories" in found["installed at acme"].detail
        and "requests an hour" in found["installed at acme"].detail
    )
    assert "pull_requests" in found["reading acme/app"].detail
    minted = [one for one in there.hub.world.tokens.values() if one.kind == "installation"]
    assert len(minted) == len(PERMISSIONS) + 1 and all(one.revoked for one in minted)
    wrote = {one.method for one in there.hub.world.requests if one.kind == "installation"} - {"GET", "DELETE"}
    assert wrote == set() and there.hub.world.faults == []


@pytest.mark.parametrize("name", [one for one in PERMISSIONS if one != "metadata"])
async def test_a_permission_that_the_app_lacks_is_named_with_what_is_lost(there: There, name: str) -> None:
    less = {key: level for key, level in GRANTED.items() if key != name}
    found = await there.checked(there.settings(there.installed(permissions=less)))
    need = PERMISSIONS[name]
    one = found[f"{name}: {need.level}"]
    assert (one.ok, one.required) == (False, need.required) and need.purpose in one.detail
    assert f"{there.hub.web}/organizations/maker/settings/apps/honk-acme" in one.remedy
    assert not found[f"{name}: {need.level} at acme"].ok


async def test_a_permission_that_waits_to_be_accepted_is_told_where(there: There) -> None:
    app, environ = there.app()
    there.hub.world.repository("acme/app")
    there.hub.world.install(app, "acme", permissions={**GRANTED, "checks": "read"})
    found = await there.checked(there.settings(environ))
    assert found["permissions"].ok
    one = found["checks: write at acme"]
    assert not one.ok and "an owner of acme accepts the new permissions" in one.remedy


async def test_events_that_are_not_told(there: There) -> None:
    found = await there.checked(there.settings(there.installed(events=[one for one in EVENTS if one != "push"])))
    assert not found["events"].ok and found["events"].detail.endswith(": push")


async def test_installed_nowhere_suspended_and_empty(there: There) -> None:
    app, environ = there.app()
    settings = there.settings(environ)
    one = (await there.checked(settings))["installations"]
    assert not one.ok and f"{there.hub.web}/apps/honk-acme/installations/new" in one.remedy
    there.hub.world.org("acme")
    installation = there.hub.world.install(app, "acme", repositories=[])
    assert "no repository" in (await there.checked(settings))["installed at acme"].detail
    there.hub.world.suspend(installation)
    assert (await there.checked(settings))["installed at acme"].detail == "suspended"


async def test_the_key_of_another_app(there: There) -> None:
    environ = there.installed()
    other = there.hub.world.app("other")
    found = await there.checked(there.settings({**environ, "GITHUB_APP_PRIVATE_KEY": other.private_key}))
    assert not found["app"].ok and "must be of the same app" in found["app"].remedy and set(found) == {"server", "app"}
    cut = re.sub(r"(?<=KEY-----\n).{40}", "A" * 40, environ["GITHUB_APP_PRIVATE_KEY"], count=1)
    found = await there.checked(there.settings({**environ, "GITHUB_APP_PRIVATE_KEY": cut}))
    assert any("no RSA key in PEM form" in one.detail for one in found.values())


async def test_a_github_that_is_not_there(there: There) -> None:
    settings = there.settings(there.installed(), more="")
    file = settings.file.model_copy(
        update={"github": settings.file.github.model_copy(update={"api_url": "http://127.0.0.1:9"})}
    )
    (one,) = (await there.checked(settings.model_copy(update={"file": file}))).values()
    assert not one.ok and "cannot be reached" in one.detail


@asynccontextmanager
async def answering(handler: object) -> AsyncIterator[str]:
    """A server with that handler for everything; its address."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)  # type: ignore[arg-type]
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


@pytest.mark.parametrize(("minutes", "words"), [(5, "behind"), (-5, "ahead of")])
async def test_a_clock_that_is_wrong_is_the_reason(there: There, minutes: int, words: str) -> None:
    async def late(_: web.Request) -> web.Response:
        at = datetime.now(UTC) + timedelta(minutes=minutes)
        return web.json_response({}, headers={"Date": f"{at:%a, %d %b %Y %H:%M:%S} GMT"})

    async with answering(late) as url:
        settings = there.settings(there.installed(), more="").model_copy()
        github_settings = settings.file.github.model_copy(update={"api_url": url})
        file = settings.file.model_copy(update={"github": github_settings})
        one = (await there.checked(settings.model_copy(update={"file": file})))["server"]
    assert not one.ok and f"s {words} that of" in one.detail and "NTP" in one.remedy


async def test_an_enterprise_server_says_its_version(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    async with FakeGitHub(tmp_path / "hub", enterprise="3.17.1").serving() as hub:
        there = There(hub, tmp_path / "home")
        (tmp_path / "hub").mkdir(exist_ok=True)
        found = await there.checked(there.settings(there.app()[1]))
    assert found["server"].detail.endswith("GitHub Enterprise Server 3.17.1")


# ── the way in ─────────────────────────────────────────────────────────────────────────────────
def door(secret: str, status: int = 202) -> object:
    """What takes deliveries that are signed with that secret."""

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        right = f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"
        good = hmac.compare_digest(right, request.headers["X-Hub-Signature-256"]) and json.loads(body)
        return web.Response(status=status if good else 401)

    return take


async def test_requests_reach_this_server_and_no_others_are_believed(there: There) -> None:
    secret = there.settings(there.app()[1]).github.webhook_secret
    async with answering(door(SECRET)) as url:
        assert (await verify(url, secret)).ok
    async with answering(door("another")) as url:
        one = await verify(url, secret)
        assert not one.ok and "GITHUB_WEBHOOK_SECRET" in one.remedy
    async with answering(door(SECRET, status=404)) as url:
        assert (await verify(url, secret)).detail.endswith("answers with 404")

    async def believes(_: web.Request) -> web.Response:
        return web.Response(status=202)

    async with answering(believes) as url:
        assert "believes a wrong signature" in (await verify(url, secret)).detail
    one = await verify(url, secret)
    assert not one.ok and "cannot be reached" in one.detail


async def test_a_hook_that_leads_elsewhere_and_deliveries_that_fail(there: There) -> None:
    async with answering(door(SECRET, status=500)) as url:
        app, environ = there.app(webhook_url=f"{url}/github/events")
        repo = there.hub.world.repository("acme/app")
        there.hub.world.install(app, "acme")
        there.hub.world.user("ada")
        there.hub.people.issue("ada", repo, "It breaks")
        await there.hub.world.hooks.settled()
    found = await there.checked(there.settings(environ, public_url="https://honk.invalid"))
    assert not found["webhook"].ok and "not to https://honk.invalid/github/events" in found["webhook"].detail
    assert not found["deliveries"].ok and "did not arrive" in found["deliveries"].detail
    assert not found["requests"].ok and "cannot be reached" in found["requests"].detail


async def test_github_itself_delivers_once_more(there: There) -> None:
    """The only trial that shows that GitHub, and not this machine, reaches the address."""
    for status, good in ((202, True), (500, False)):
        async with answering(door(SECRET, status=status)) as url:
            app, environ = there.app(webhook_url=f"{url}/github/events")
            there.hub.world.hooks.deliveries.clear()
            repo = there.hub.world.repository(f"acme{status}/app")
            there.hub.world.install(app, f"acme{status}")
            await there.hub.world.hooks.settled()
            settings = there.settings(environ, public_url="https://honk.invalid")
            async with asking(settings) as github_:
                one = await Checks(github_, settings, pause=0.01)._delivered()
        assert one is not None and one.ok == good and str(status) in one.detail
        assert [sent.redelivery for sent in there.hub.world.hooks.deliveries].count(True) == 1
        assert repo.full_name


# ── a person's token ───────────────────────────────────────────────────────────────────────────
async def test_a_persons_token_says_what_it_may(there: There) -> None:
    there.hub.world.user("ada")
    there.hub.world.repository("ada/app")
    token = there.hub.world.personal_token("ada")
    found = await there.checked(there.settings({"HONK_GITHUB_TOKEN": token}))
    assert {name: one.detail for name, one in found.items() if not one.ok} == {}
    assert found["token"].detail.startswith("Honk acts as ada, ") and "reading ada/app" in found
    less = there.hub.world.personal_token("ada", scopes=["repo"])
    one = (await there.checked(there.settings({"HONK_GITHUB_TOKEN": less})))["scopes"]
    assert (one.ok, one.required, one.detail) == (False, False, "missing: workflow")
    gone = await there.checked(there.settings({"HONK_GITHUB_TOKEN": "ghp_" + "a" * 36}))
    assert not gone["token"].ok and "make another one" in gone["token"].remedy


# ── the doctor ─────────────────────────────────────────────────────────────────────────────────
async def test_the_doctor_without_github(there: There) -> None:
    (one,) = await github(there.settings())
    assert (one.detail, one.remedy, one.required) == ("not set up", "honk github setup", False)
    (one,) = await github(there.settings({"GITHUB_APP_ID": "1"}))
    assert one.detail == "not set: GITHUB_APP_PRIVATE_KEY"
    (one,) = await github(there.settings(more="enabled = false"))
    assert one.ok


async def test_the_doctor_mints_nothing_and_tells_the_trouble_that_the_server_noted(there: There) -> None:
    settings = there.settings(there.installed())
    async with SqlStore(settings.database) as store:
        await store.chats.preferences.write(NOTED, {"trouble": "the app was removed", "since": "2026-01-02T03:04:05"})
    found = await github(settings)
    assert [one.name for one in found if not one.ok] == ["GitHub: server"]
    assert found[-1].detail == "the app was removed (since 2026-01-02T03:04:05)"
    assert "GitHub: installations" in {one.name for one in found}
    assert {one.kind for one in there.hub.world.tokens.values()} == set()


# ── the command ────────────────────────────────────────────────────────────────────────────────
def command(settings: Settings, *words: str, typed: str = "") -> tuple[int, str]:
    cli = typer.Typer()
    opened: Setup = GithubSetup(settings)  # the protocol is kept
    add_github_commands(cli, lambda: opened)
    done = CliRunner().invoke(cli, ["github", *words], input=typed)
    return done.exit_code, done.output


def quiet(tmp_path: Path, environ: dict[str, str] | None = None, more: str = "") -> Settings:
    """Of a GitHub that is not there."""
    (tmp_path / "honk.toml").write_text(f'[github]\nweb_url = "http://127.0.0.1:9"\n{more}\n')
    return Settings.load({"HONK_HOME": str(tmp_path), **(environ or {})})


def test_check_without_anything_is_a_mistake_in_usage(tmp_path: Path) -> None:
    code, said = command(quiet(tmp_path), "check")
    assert code == 2 and "GITHUB_APP_ID, GITHUB_APP_PRIVATE_KEY" in said and "honk github setup" in said


def test_setup_is_not_for_who_switched_it_off_and_for_no_organisation(tmp_path: Path) -> None:
    code, said = command(quiet(tmp_path, more="enabled = false"), "setup")
    assert code == 2 and "switched off" in said
    code, said = command(quiet(tmp_path), "setup", "--org", "../evil")
    assert code == 2 and "no name of an organisation" in said


def test_setup_by_pasting_says_where_the_page_is_and_what_was_wrong(tmp_path: Path) -> None:
    code, said = command(quiet(tmp_path), "setup", "--paste", typed="https://example.com\n")
    assert code == 2 and str(tmp_path / "github" / "new-app.html") in said and "there is no code in that" in said
    assert not place_of_app(tmp_path).exists()


def test_setup_with_a_token_tries_it_and_says_what_is_left(tmp_path: Path) -> None:
    token = "ghp_s3cret" + "a" * 30
    code, said = command(quiet(tmp_path, {"HONK_GITHUB_TOKEN": token}), "setup", "--json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert code == 1 and token not in said
    assert lines[0]["step"] == "setup" and "cannot be reached" in lines[1]["detail"]
    assert lines[-1]["step"] == "after" and any("/github/link" in one for one in lines[-1]["do"])


def test_the_manifest_is_json(tmp_path: Path) -> None:
    code, said = command(quiet(tmp_path), "manifest", "--name", "honk-acme")
    assert code == 0 and json.loads(said)["name"] == "honk-acme"


def test_what_setup_proposes_is_a_policy_that_lets_nobody_out(tmp_path: Path) -> None:
    settings = Settings.load({"HONK_HOME": str(tmp_path), "GIT_AUTHOR_NAME": 'Ada "A" Löv'})
    (tmp_path / "honk.toml").write_text(snippet(GithubSetup(settings).standing()), encoding="utf-8")
    file = Settings.load({"HONK_HOME": str(tmp_path)}).file
    assert [str(one) for one in file.people["me"].identities] == ['local:Ada "A" Löv', "github:your-login"]
    assert "[[roles]]" not in snippet(GithubSetup(Settings.load({"HONK_HOME": str(tmp_path)})).standing())


async def test_two_apps_are_not_made_at_once(there: There) -> None:
    """Both browsers come back; each attempt has its own code, and the last one's app is kept whole."""
    one, other = GithubSetup(there.settings()), GithubSetup(there.settings())
    async with anyio.create_task_group() as group:
        group.start_soon(made, one, one.begun("honk-a", ""))
        group.start_soon(made, other, other.begun("honk-b", ""))
    kept = json.loads(place_of_app(there.home).read_text())
    (app,) = [found for found in there.hub.world.apps.values() if str(found.id) == kept["id"]]
    assert kept["pem"] == app.private_key and kept["slug"] == app.slug
