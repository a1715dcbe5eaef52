"""The app that deploy/slack makes is the one that the code needs and docs/reference/slack.md explains."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from honk.doors.slack.bolt import FOUND, LOST
from honk.doors.slack.scopes import APP_SCOPE, EVENTS, SCOPES
from honk.doors.slack.setup import manifest
from honk.doors.slack.verifying import PATH

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "slack.md").read_text(encoding="utf-8")
ADDRESS = "https://honk.example.com"


def app(address: str = "") -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(manifest(address))
    return found


BOTH = pytest.mark.parametrize("address", ["", ADDRESS], ids=["socket", "http"])


@BOTH
def test_it_asks_for_exactly_what_the_code_needs(address: str) -> None:
    made = app(address)
    assert made["oauth_config"] == {"scopes": {"bot": sorted(SCOPES)}}
    assert tuple(made["settings"]["event_subscriptions"]["bot_events"]) == EVENTS
    assert {*LOST, *FOUND} <= set(EVENTS)


@BOTH
def test_it_is_within_slacks_limits(address: str) -> None:
    made = app(address)
    shown, features = made["display_information"], made["features"]
    assert len(shown["name"]) <= 35 and len(shown["description"]) <= 140
    assert 175 <= len(shown["long_description"]) <= 4000
    assert features["app_home"] == {
        "home_tab_enabled": True,
        "messages_tab_enabled": True,
        "messages_tab_read_only_enabled": False,
    }
    assert len(features["agent_view"]["agent_description"]) <= 300
    assert len(features["agent_view"]["suggested_prompts"]) <= 4
    (shortcut,), (command,) = features["shortcuts"], features["slash_commands"]
    assert (shortcut["type"], shortcut["callback_id"]) == ("message", "ask_honk") and len(shortcut["name"]) <= 24
    assert command["command"] == "/honk"


def test_a_socket_needs_no_address() -> None:
    text = manifest()
    assert app()["settings"]["socket_mode_enabled"] is True
    assert not re.search(r"request_url|https://honk", text)


def test_requests_go_to_one_address() -> None:
    made = app("https://honk.acme.example/")
    wanted = f"https://honk.acme.example{PATH}"
    settings = made["settings"]
    assert settings["socket_mode_enabled"] is False
    assert settings["event_subscriptions"]["request_url"] == wanted
    assert settings["interactivity"] == {"is_enabled": True, "request_url": wanted, "message_menu_options_url": wanted}
    assert made["features"]["slash_commands"][0]["url"] == wanted
    assert ADDRESS not in yaml.safe_dump(made)


@BOTH
def test_nothing_but_the_way_in_differs(address: str) -> None:
    made = app(address)
    assert made["settings"]["org_deploy_enabled"] is False and made["settings"]["token_rotation_enabled"] is False
    del made["settings"]
    made["features"]["slash_commands"][0].pop("url", None)
    wanted = app()
    del wanted["settings"]
    assert made == wanted


@pytest.mark.parametrize("name", ["manifest.yaml", "manifest-http.yaml"])
def test_the_file_to_paste_is_the_one_in_the_package(name: str) -> None:
    kept = (ROOT / "deploy" / "slack" / name).read_text(encoding="utf-8")
    assert kept == manifest(ADDRESS if "http" in name else "")


def rows(heading: str) -> dict[str, str]:
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| (.+) \|$", part, re.MULTILINE))


def test_every_scope_is_explained_as_the_code_says_it() -> None:
    assert rows("Scopes") == {**SCOPES, APP_SCOPE: rows("Scopes")[APP_SCOPE]}


def test_every_event_is_listed() -> None:
    assert sorted(rows("Events")) == sorted(EVENTS)
