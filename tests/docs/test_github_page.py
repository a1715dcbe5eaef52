"""The app that deploy/github makes is the one that the code needs and docs/reference/github.md explains."""

import json
import re
from pathlib import Path
from typing import Any

from honk.adapters.github import permissions
from honk.doors.github import hints_of
from honk.doors.github.hints import _READERS
from honk.wiring.github_app import CALLBACK_PATH, EVENTS, EVENTS_PATH, PERMISSIONS, manifest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "reference" / "github.md").read_text(encoding="utf-8")
ADDRESS = "https://honk.example.com"
#: GitHub tells an app of these without asking
UNASKED = {"installation", "installation_repositories", "installation_target"}


def app(public_url: str = ADDRESS, **more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(manifest(name="honk", home="https://github.com", public_url=public_url, **more))
    return found


def rows(heading: str, columns: int) -> list[tuple[str, ...]]:
    part = PAGE.split(f"## {heading}\n", 1)[1].split("\n## ", 1)[0]
    found = [
        tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in part.splitlines() if "| `" in line
    ]
    assert all(len(one) == columns for one in found)
    return found


def test_the_file_to_paste_is_the_one_that_is_printed() -> None:
    kept = (ROOT / "deploy" / "github" / "app-manifest.json").read_text(encoding="utf-8")
    assert kept == manifest(name="honk", home="https://github.com", public_url=ADDRESS)


def test_it_asks_for_what_the_code_needs_and_no_more() -> None:
    made = app()
    assert made["default_permissions"] == {name: one.level for name, one in PERMISSIONS.items()}
    assert made["default_events"] == list(EVENTS) == sorted(EVENTS)
    assert made["public"] is False and made["request_oauth_on_install"] is False
    assert made["hook_attributes"] == {"url": f"{ADDRESS}{EVENTS_PATH}", "active": True}
    assert made["callback_urls"] == [f"{ADDRESS}{CALLBACK_PATH}"]


def test_every_act_has_its_permission() -> None:
    purposes = [one for one in vars(permissions).values() if isinstance(one, permissions.Purpose)]
    assert len(purposes) > 8
    for purpose in purposes:
        for name, level in purpose.must.items():
            assert name in PERMISSIONS and PERMISSIONS[name].granted(level) | (level == "read"), (purpose.name, name)
        granted = {name: one.level for name, one in PERMISSIONS.items()}
        assert purpose.missing(granted) == ""
    used = {name for one in purposes for name in (*one.must, *one.may)}
    assert set(PERMISSIONS) <= used


def test_every_event_that_is_asked_for_is_understood_and_the_others_are_not_needed() -> None:
    assert set(EVENTS) <= set(_READERS)
    # a job is a check run too, which is told
    assert set(_READERS) - set(EVENTS) == UNASKED | {"workflow_job"}
    assert hints_of("ping", {}) == ()


def test_without_a_public_address_nothing_is_delivered() -> None:
    made = app("")
    assert made["hook_attributes"]["active"] is False and made["url"] == "https://github.com"
    assert made["callback_urls"] == [f"http://127.0.0.1{CALLBACK_PATH}"]
    local = app("http://honk.local:8000")
    assert local["hook_attributes"]["active"] is False


def test_it_comes_back_where_it_is_told_to() -> None:
    assert "redirect_url" not in app()
    assert app(redirect="http://127.0.0.1:9/made")["redirect_url"] == "http://127.0.0.1:9/made"


def test_every_permission_is_explained_as_the_code_says_it() -> None:
    assert rows("Permissions", 3) == [(f"`{name}`", one.level, one.purpose) for name, one in PERMISSIONS.items()]
    optional = re.findall(r"`(\w+)`", PAGE.split("may be left out")[0].rsplit("\n\n", 1)[1])
    assert optional == [name for name, one in PERMISSIONS.items() if not one.required]


def test_every_event_is_listed() -> None:
    assert [one.strip("`") for one, _ in rows("Events", 2)] == list(EVENTS)
