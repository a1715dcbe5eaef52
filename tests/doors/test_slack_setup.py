"""`honk slack setup`, `check` and the doctor, against a Slack that behaves: each scope is tried, nothing is left."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import typer
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from typer.testing import CliRunner

from honk.adapters.sql import SqlStore
from honk.domain.policy import Right
from honk.doors.cli.slack import add_slack_commands, snippet
from honk.doors.slack.scopes import SCOPES
from honk.errors import SettingsWrong
from honk.service import Diagnosis
from honk.settings import Settings
from honk.testing.fake_slack import App, FakeSlack
from honk.wiring.doctor_slack import NOTED, slack
from honk.wiring.slack_setup import SlackSetup

pytestmark = pytest.mark.anyio
ADA = "U0ADA"


@pytest.fixture
async def there() -> AsyncIterator[FakeSlack]:
    async with FakeSlack(app=App(scopes=set(SCOPES))) as slack:
        yield slack


def settings_for(there: FakeSlack, home: Path, *, mode: str = "socket", more: str = "") -> Settings:
    file = f'{more}\n[slack]\nmode = "{mode}"\napi_url = "{there.api}"\n'
    (home / "honk.toml").write_text(file)
    return Settings.load(
        {
            "HONK_HOME": str(home),
            "SLACK_BOT_TOKEN": there.app.bot_token,
            "SLACK_APP_TOKEN": there.app.app_token,
            "SLACK_SIGNING_SECRET": there.app.signing_secret,
        }
    )


async def checked(settings: Settings, user: str = ADA) -> dict[str, Diagnosis]:
    return {one.name.removeprefix("Slack: "): one async for one in SlackSetup(settings).check(user, {})}


async def test_everything_is_tried_and_nothing_stays(there: FakeSlack, tmp_path: Path) -> None:
    await there.say("ada", "general", "hello")
    found = await checked(settings_for(there, tmp_path))
    assert {name: one.detail for name, one in found.items() if not one.ok} == {}
    assert found["scopes"].detail == "all 18"
    assert found["public channels"].detail == "1 with Honk"
    assert found["private channels"].detail.startswith("not tried: Honk is in no private channel yet")
    assert there.messages(there.dm("ada")) == []
    assert [one.deleted for one in there.files] == [True]
    assert [len(there.messages("general"))] == [1]
    for method in ("chat.update", "reactions.add", "files.completeUploadExternal", "views.publish", "chat.startStream"):
        assert there.calls_of(method), method


@pytest.mark.parametrize(
    ("scope", "name"),
    [
        ("users:read", "users"),
        ("channels:history", "public channels"),
        ("channels:read", "public channels"),
        ("groups:read", "private channels"),
        ("mpim:read", "group messages"),
        ("im:read", "direct messages"),
        ("im:history", "reading it back"),
        ("im:write", "opening a direct message"),
        ("chat:write", "posting and changing"),
        ("reactions:write", "reacting"),
        ("reactions:read", "seeing reactions"),
        ("files:write", "files"),
        ("files:read", "files"),
    ],
)
async def test_a_missing_scope_fails_where_it_is_tried(there: FakeSlack, tmp_path: Path, scope: str, name: str) -> None:
    there.app.scopes.discard(scope)
    found = await checked(settings_for(there, tmp_path))
    for one in (found[name], found[f"scope {scope}"]):
        assert not one.ok and one.required
        assert SCOPES[scope] in one.detail and "Reinstall to Workspace" in one.remedy
    assert there.messages(there.dm("ada")) == []


async def test_a_scope_that_only_people_can_try_is_compared(there: FakeSlack, tmp_path: Path) -> None:
    there.app.scopes -= {"app_mentions:read", "commands"}
    found = await checked(settings_for(there, tmp_path))
    assert not found["scope app_mentions:read"].ok and not found["scope commands"].ok


async def test_a_workspace_without_assistant_and_streams_is_well(there: FakeSlack, tmp_path: Path) -> None:
    there.lack("assistant")
    there.lack("streaming", "feature_not_enabled")
    found = await checked(settings_for(there, tmp_path))
    for name in ("assistant", "streaming"):
        assert (found[name].required, found[name].detail) == (False, "not in this workspace: plain messages are used")
    assert all(one.ok for one in found.values() if one.required)


async def test_nobody_named_nobody_written_to(there: FakeSlack, tmp_path: Path) -> None:
    found = await checked(settings_for(there, tmp_path), user="")
    assert not found["writing"].required and "--user" in found["writing"].remedy
    writing = {"chat.postMessage", "conversations.open", "views.publish", "reactions.add"}
    assert not writing & {one.method for one in there.calls}


async def test_what_was_posted_goes_although_slack_fails_in_between(there: FakeSlack, tmp_path: Path) -> None:
    there.break_down("chat.update")
    there.fail("reactions.add", "internal_error")
    found = await checked(settings_for(there, tmp_path))
    assert not found["posting and changing"].ok and not found["reacting"].ok and found["cleaning up"].ok
    assert there.messages(there.dm("ada")) == []


async def test_a_revoked_token_is_the_only_line_besides_the_way_in(there: FakeSlack, tmp_path: Path) -> None:
    there.revoke()
    found = await checked(settings_for(there, tmp_path))
    assert set(found) == {"bot token", "connection"}
    assert "SLACK_BOT_TOKEN" in found["bot token"].remedy and "token_revoked" in found["bot token"].detail


async def test_an_app_token_without_its_scope(there: FakeSlack, tmp_path: Path) -> None:
    there.app.app_scopes.clear()
    one = (await checked(settings_for(there, tmp_path)))["connection"]
    assert not one.ok and "connections:write" in one.remedy


# ── the doctor ─────────────────────────────────────────────────────────────────────────────────
async def test_the_doctor_without_tokens(tmp_path: Path) -> None:
    (one,) = await slack(Settings.load({"HONK_HOME": str(tmp_path)}))
    assert (one.detail, one.remedy, one.required) == ("not set up", "honk slack setup", False)
    (one,) = await slack(Settings.load({"HONK_HOME": str(tmp_path), "SLACK_BOT_TOKEN": "xoxb-1"}))
    assert one.detail == "not set: SLACK_APP_TOKEN" and not one.ok


async def test_the_doctor_posts_nothing(there: FakeSlack, tmp_path: Path) -> None:
    there.app.scopes.discard("files:read")
    found = {one.name: one for one in await slack(settings_for(there, tmp_path))}
    assert found["Slack"].ok and found["Slack: connection"].ok and not found["Slack: scope files:read"].ok
    assert {one.method for one in there.calls} == {"auth.test", "apps.connections.open"}


async def test_the_doctor_says_that_the_app_was_removed(there: FakeSlack, tmp_path: Path) -> None:
    there.uninstall()
    one = (await slack(settings_for(there, tmp_path)))[0]
    assert not one.ok and one.required and "account_inactive" in one.detail and "Reinstall" in one.remedy


async def test_the_doctor_tells_the_trouble_that_the_server_noted(there: FakeSlack, tmp_path: Path) -> None:
    settings = settings_for(there, tmp_path)
    async with SqlStore(settings.database) as store:
        await store.chats.preferences.write(NOTED, {"trouble": "the token was revoked", "since": "2026-01-02T03:04:05"})
    one = (await slack(settings))[-1]
    assert (one.ok, one.detail) == (False, "the token was revoked (since 2026-01-02T03:04:05)")


# ── the command ────────────────────────────────────────────────────────────────────────────────
def _command(settings: Settings, *words: str) -> tuple[int, str]:
    cli = typer.Typer()
    add_slack_commands(cli, SlackSetup(settings))
    done = CliRunner().invoke(cli, ["slack", *words])
    return done.exit_code, done.output


def test_setup_without_tokens_prints_every_step(tmp_path: Path) -> None:
    code, said = _command(Settings.load({"HONK_HOME": str(tmp_path)}), "setup", "--user", ADA)
    assert code == 1
    for words in ("honk slack manifest", "SLACK_BOT_TOKEN", "connections:write", f'"slack:{ADA}"'):
        assert words in said
    assert "not set: SLACK_BOT_TOKEN, SLACK_APP_TOKEN" in said and "/honk link" in said


def test_what_setup_proposes_is_a_policy_that_lets_nobody_out(tmp_path: Path) -> None:
    standing = SlackSetup(Settings.load({"HONK_HOME": str(tmp_path), "GIT_AUTHOR_NAME": 'Ada "A" Löv'})).standing({})
    (tmp_path / "honk.toml").write_text(snippet(standing, ADA), encoding="utf-8")
    file = Settings.load({"HONK_HOME": str(tmp_path)}).file
    assert [str(one) for one in file.people["me"].identities] == ['local:Ada "A" Löv', f"slack:{ADA}"]
    assert file.roles[0].repositories == ("*",) and set(file.roles[0].may) == set(Right)
    again = SlackSetup(Settings.load({"HONK_HOME": str(tmp_path)})).standing({})
    assert "[[roles]]" not in snippet(again, ADA)


def test_setup_as_json_is_a_document_a_line(tmp_path: Path) -> None:
    (tmp_path / "honk.toml").write_text('public_url = "https://honk.acme.example"\n[slack]\nmode = "http"\n')
    code, said = _command(Settings.load({"HONK_HOME": str(tmp_path)}), "setup", "--json")
    lines = [json.loads(line) for line in said.splitlines()]
    assert code == 1 and [one["step"] for one in lines if "step" in one] == [1, 2, 3, 4, 5, 6, 7]
    assert "honk slack manifest --http https://honk.acme.example" in lines[0]["do"][1]
    assert "SLACK_SIGNING_SECRET" in lines[2]["do"][0]


def test_check_without_tokens_is_a_mistake_in_usage(tmp_path: Path) -> None:
    code, said = _command(Settings.load({"HONK_HOME": str(tmp_path)}), "check")
    assert code == 2 and "not set: SLACK_BOT_TOKEN, SLACK_APP_TOKEN" in said


def test_on_a_terminal_it_asks_for_tokens_and_refuses_the_wrong_one(tmp_path: Path) -> None:
    cli = typer.Typer()
    add_slack_commands(cli, SlackSetup(Settings.load({"HONK_HOME": str(tmp_path)})))
    typed = "xapp-1-s3cret\nxoxb-1\n\n\n"
    done = CliRunner().invoke(cli, ["slack", "setup"], input=typed, env={"FORCE_COLOR": "1"})
    assert done.exit_code == 1 and "s3cret" not in done.output
    assert done.output.count("SLACK_BOT_TOKEN, to try it now") == 2
    assert "SLACK_BOT_TOKEN begins with xapp-" in done.output and "not set: SLACK_APP_TOKEN" in done.output


def test_a_given_token_in_the_wrong_place_is_refused_and_not_shown(tmp_path: Path) -> None:
    setup = SlackSetup(Settings.load({"HONK_HOME": str(tmp_path)}))
    with pytest.raises(SettingsWrong, match="begins with xapp-") as caught:
        setup.standing({"SLACK_BOT_TOKEN": "xapp-1-s3cret"})
    assert "s3cret" not in str(caught.value)
    assert setup.standing({"SLACK_BOT_TOKEN": "xoxb-1"}).missing == ("SLACK_APP_TOKEN",)


# ── mode "http" ────────────────────────────────────────────────────────────────────────────────
@asynccontextmanager
async def bolt(secret: str) -> AsyncIterator[str]:
    """Bolt itself behind /slack/events, which checks signatures with that secret; the address."""
    app = AsyncApp(signing_secret=secret, authorize=_nobody)
    runner = web.AppRunner(app.web_app("/slack/events"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    await runner.cleanup()


async def _nobody(**_: object) -> AuthorizeResult:
    return AuthorizeResult(enterprise_id=None, team_id=None)


async def test_requests_reach_this_server_and_no_others_are_believed(there: FakeSlack, tmp_path: Path) -> None:
    async with bolt(there.app.signing_secret) as url:
        settings = settings_for(there, tmp_path, mode="http", more=f'public_url = "{url}"')
        found = await checked(settings)
    assert found["requests"].ok, found["requests"]
    assert "connection" not in found


async def test_a_server_with_another_secret_is_named(there: FakeSlack, tmp_path: Path) -> None:
    async with bolt("of another app") as url:
        one = (await checked(settings_for(there, tmp_path, mode="http", more=f'public_url = "{url}"')))["requests"]
    assert not one.ok and "SLACK_SIGNING_SECRET is of another app" in one.remedy


async def test_what_believes_everybody_is_not_honk(there: FakeSlack, tmp_path: Path) -> None:
    async def echo(request: web.Request) -> web.Response:
        return web.Response(text=str((await request.json())["challenge"]))

    app = web.Application()
    app.router.add_post("/slack/events", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    one = (await checked(settings_for(there, tmp_path, mode="http", more=f'public_url = "{url}"')))["requests"]
    await runner.cleanup()
    assert not one.ok and "believes a wrong signature" in one.detail
    gone = (await checked(settings_for(there, tmp_path, mode="http", more=f'public_url = "{url}"')))["requests"]
    assert not gone.ok and "cannot be reached" in gone.detail


async def test_http_without_a_public_address(there: FakeSlack, tmp_path: Path) -> None:
    assert (await checked(settings_for(there, tmp_path, mode="http")))["requests"].detail == "public_url is not set"
