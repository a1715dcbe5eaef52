"""The workflow of `honk ios setup`: valid, pinned, and with no key beside what an agent wrote."""

import gzip
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from honk.doors.cli.ios import PATH, Wanted, after, script_of
from honk.errors import Usage

SCHEMA = Path(__file__).resolve().parents[1] / "data" / "github" / "workflow.schema.json.gz"
WANTED = Wanted(scheme="Music Player", team="ABCDE12345", url="https://honk.example.com")


def _loaded(wanted: Wanted = WANTED) -> dict[str, Any]:
    found = yaml.safe_load(wanted.workflow())
    found["on"] = found.pop(True)  # YAML 1.1 takes the word for a truth value, GitHub does not
    assert isinstance(found, dict)
    return found


def _steps(workflow: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, step) for name, job in workflow["jobs"].items() for step in job["steps"]]


@pytest.mark.parametrize(
    "wanted",
    [
        WANTED,
        Wanted(
            scheme="App (Beta)",
            team="ABCDE12345",
            url="https://honk.example.com:8443",
            within="ios/My App.xcworkspace",
            ad_hoc=True,
            environment="yes",
            runner="macos-latest-xlarge",
            spec="honk==1.2.0",
        ),
    ],
    ids=["plain", "everything"],
)
def test_it_is_a_workflow_of_github(wanted: Wanted) -> None:
    found = _loaded(wanted)
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    assert [error.message for error in Draft7Validator(schema).iter_errors(found)] == []
    assert "@@" not in wanted.workflow()
    for _, step in _steps(found):
        if "run" in step:
            script = re.sub(r"\$\{\{.*?\}\}", "x", step["run"])
            done = subprocess.run(["bash", "-n"], input=script.encode(), capture_output=True)
            assert done.returncode == 0, done.stderr


def test_a_schema_that_accepts_everything_would_prove_nothing() -> None:
    schema = json.loads(gzip.decompress(SCHEMA.read_bytes()))
    found = _loaded()
    found["jobs"]["build"]["stepz"] = found["jobs"]["build"].pop("steps")
    assert list(Draft7Validator(schema).iter_errors(found))


def test_no_key_is_where_something_of_the_repository_runs() -> None:
    found = _loaded()
    assert list(found["on"]) == ["pull_request_target"], "the file of the default branch, not of the pull request"
    assert found["permissions"] == {"contents": "read"}
    for name, job in found["jobs"].items():
        whole = json.dumps(job)
        checked_out = "actions/checkout@" in whole
        assert checked_out == (name == "build")
        assert ("secrets." in whole) == (name != "build") == ("environment" in job), name
        assert ("permissions" not in job) and "github.token" not in whole and "GITHUB_TOKEN" not in whole
    [checkout] = [step for _, step in _steps(found) if "checkout" in step.get("uses", "")]
    assert checkout["with"]["persist-credentials"] is False
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for _, step in _steps(found) if "uses" in step)
    for _, step in _steps(found):
        assert "${{" not in step.get("run", ""), "an expression in a script is a way in"


def test_only_honks_own_branches_of_this_repository_are_built() -> None:
    jobs = _loaded()["jobs"]
    assert "startsWith(github.event.pull_request.head.ref, 'honk/')" in jobs["stamp"]["if"]
    assert "head.repo.full_name == github.repository" in jobs["stamp"]["if"]
    assert (jobs["build"]["needs"], jobs["sign"]["needs"]) == ("stamp", "build")


@pytest.mark.parametrize(
    ("number", "version", "attempt", "within", "said"),
    [
        ("57", "", "1", "", ["CURRENT_PROJECT_VERSION=57"]),
        ("57", "1.4.57", "1", "", ["CURRENT_PROJECT_VERSION=57", "MARKETING_VERSION=1.4.57"]),
        ("57", "", "2", "a b.xcodeproj", ["-project", "a b.xcodeproj", "CURRENT_PROJECT_VERSION=57.2"]),
        ("57", "", "1", "x.xcworkspace", ["-workspace", "x.xcworkspace", "CURRENT_PROJECT_VERSION=57"]),
    ],
    ids=["number", "version", "second run", "workspace"],
)
def test_xcode_is_given_what_honk_said(
    tmp_path: Path, number: str, version: str, attempt: str, within: str, said: list[str]
) -> None:
    """The script itself, with a program in place of Xcode that notes what it was given."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "xcodebuild").write_text(
        '#!/bin/sh\nprintf "%s\\n" "$@" > "$RUNNER_TEMP/given"\nmkdir "$RUNNER_TEMP/app.xcarchive"\n'
    )
    (tools / "xcodebuild").chmod(0o755)
    [script] = [step["run"] for name, step in _steps(_loaded()) if name == "build" and "run" in step]
    known = {"SCHEME": "Music Player", "WITHIN": within, "NUMBER": number, "VERSION": version, "ATTEMPT": attempt}
    path = f"{tools}:{os.environ['PATH']}"
    subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=tmp_path,
        env={**known, "PATH": path, "RUNNER_TEMP": str(tmp_path)},
        check=True,
    )
    given = (tmp_path / "given").read_text().splitlines()
    assert given[:3] == ["archive", "-scheme", "Music Player"] and "CODE_SIGNING_ALLOWED=NO" in given
    assert given[given.index("CODE_SIGNING_ALLOWED=NO") + 1 :] == said
    assert (tmp_path / "app.tar").is_file()


@pytest.mark.parametrize("ad_hoc", [False, True])
def test_what_is_signed_goes_to_apple_and_the_key_goes_away(tmp_path: Path, ad_hoc: bool) -> None:
    tools, home, temp = tmp_path / "tools", tmp_path / "home", tmp_path / "temp"
    for one in (tools, home, temp / "archive", temp / "made" / "app.xcarchive"):
        one.mkdir(parents=True)
    subprocess.run(["tar", "-C", str(temp / "made"), "-cf", str(temp / "archive/app.tar"), "app.xcarchive"], check=True)
    note = 'printf "%s " "${0##*/}" "$@" >> "$NOTES"; echo >> "$NOTES"\n'
    made = 'while [ $# -gt 0 ]; do [ "$1" = -exportPath ] && mkdir "$2" && : > "$2/Player.ipa"; shift; done\n'
    for name, more in (("xcodebuild", made), ("xcrun", ""), ("plutil", "")):
        (tools / name).write_text(f"#!/bin/sh\n{note}{more}")
        (tools / name).chmod(0o755)
    [sign] = [
        step
        for name, step in _steps(_loaded(Wanted(**{**_fields(), "ad_hoc": ad_hoc})))
        if "KEY" in step.get("env", {})
    ]
    known = {"KEY": "the key", "KEY_ID": "K1", "ISSUER_ID": "I1", "TEAM_ID": "T1", "AD_HOC": sign["env"]["AD_HOC"]}
    place = {"HOME": str(home), "RUNNER_TEMP": str(temp), "NOTES": str(tmp_path / "notes")}
    path = {"PATH": f"{tools}:{os.environ['PATH']}"}
    subprocess.run(["bash", "-e", "-c", sign["run"]], cwd=tmp_path, env={**known, **place, **path}, check=True)
    notes = (tmp_path / "notes").read_text()
    assert "altool --upload-app --type ios --file store/Player.ipa --apiKey K1 --apiIssuer I1" in notes
    assert ("release-testing" in notes) is ad_hoc and "testFlightInternalTestingOnly" in notes
    assert "the key" not in notes and not list(home.rglob("*.p8"))


def _fields() -> dict[str, Any]:
    return {name: getattr(WANTED, name) for name in ("scheme", "team", "url")}


@pytest.mark.parametrize(
    "changes",
    [
        {"scheme": "a\nrun: evil"},
        {"scheme": '"; evil'},
        {"scheme": "$(evil)"},
        {"scheme": "${{ secrets.X }}"},
        {"scheme": ""},
        {"team": "ABC"},
        {"team": "ABCDE12345\n"},
        {"url": "http://honk.example.com"},
        {"url": "https://honk.example.com/a b"},
        {"within": "../up.xcodeproj"},
        {"within": "app.txt"},
        {"environment": "a: b"},
        {"runner": "[self-hosted]"},
        {"spec": "honk; evil"},
        {"spec": "honk' evil"},
    ],
    ids=lambda one: f"{next(iter(one))}-{len(next(iter(one.values())))}",
)
def test_what_cannot_stand_in_it_is_refused(changes: dict[str, str]) -> None:
    with pytest.raises(Usage):
        Wanted(**{**_fields(), **changes}).workflow()


def test_the_script_writes_exactly_that_file(tmp_path: Path) -> None:
    subprocess.run(["sh", "-c", script_of(WANTED.workflow()).strip()], cwd=tmp_path, check=True)
    assert (tmp_path / PATH).read_text() == WANTED.workflow()
    said = "\n".join(after(WANTED))
    assert all(name in said for name in re.findall(r"secrets\.(\w+)", WANTED.workflow()))
