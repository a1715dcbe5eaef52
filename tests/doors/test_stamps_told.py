"""A CI learns what its build is to carry, by the API and by `honk build stamp`; the upload says what was not taken."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import httpx
import pytest
from api_world import ApiWorld, api_world

from honk.domain.task import Task
from honk.domain.text import Secret
from honk.doors.api import PREFIX

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import ipa

pytestmark = pytest.mark.anyio
CONFIG = b'[build]\ncommand = "build"\noutput = "built"\nfirst_number = 90\nversion = "1.4.{number}"\n'


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[ApiWorld]:
    async with api_world(tmp_path) as made:
        made.world.somebody_commits("main", {".honk.toml": CONFIG + b'side_by_side = "app"\n'})
        yield made


@pytest.fixture
async def task(door: ApiWorld) -> Task:
    return await door.world.settled(await door.world.ask(builds=False))


async def _token(door: ApiWorld, task: Task) -> Secret:
    return (await door.world.app.issue_build_token(door.ada, task, 24)).secret


async def test_with_a_token_for_the_task_and_no_other(door: ApiWorld, task: Task) -> None:
    other = await door.world.settled(await door.world.ask("bump", builds=False))
    head = (await door.world.pull_request(task)).head
    headers = {"Authorization": f"Bearer {(await _token(door, task)).reveal()}"}
    async with httpx.AsyncClient(base_url=door.url + PREFIX, headers=headers, trust_env=False) as client:
        wanted = [await client.post("/uploads/stamps", json={"commit": one}) for one in (head, head[:8], head)]
        told = {
            "task": task.id,
            "commit": head,
            "number": 90,
            "version": "1.4.90",
            "id_suffix": ".honk",
            "name_suffix": " (Honk)",
        }
        assert [one.json() for one in wanted] == [told] * 3 and wanted[0].status_code == 200
        refused = await client.post("/uploads/stamps", json={"commit": head, "task": other.id})
        assert refused.status_code == 403
        for commit in ("f" * 40, "", "zzzzzzz", head[:3]):
            answer = await client.post("/uploads/stamps", json={"commit": commit})
            assert answer.status_code == 400, answer.text
        for path in ("/uploads/stamps", "/uploads/stamps/x"):
            assert (await client.get(path)).status_code == 404
    async with httpx.AsyncClient(base_url=door.url + PREFIX, trust_env=False) as client:
        assert (await client.post("/uploads/stamps", json={"commit": head})).status_code == 401


async def _typed(door: ApiWorld, task: Task, secret: Secret, *argv: str) -> tuple[int | None, str]:
    """As a CI does it that has checked the task's branch out."""
    head = (await door.world.pull_request(task)).head
    known = {"HONK_URL": door.url, "HONK_TOKEN": secret.reveal(), "GITHUB_SHA": head}
    done = await anyio.run_process(
        [sys.executable, "-m", "honk", "build", *argv], check=False, env={"PATH": "/usr/bin:/bin", **known}
    )
    return done.returncode, (done.stdout + done.stderr).decode()


async def test_the_command_prints_variables_as_github_takes_them(door: ApiWorld, task: Task) -> None:
    lines = "HONK_BUILD_NUMBER=90\nHONK_VERSION=1.4.90\nHONK_APP_ID_SUFFIX=.honk\nHONK_APP_NAME_SUFFIX= (Honk)\n"
    assert await _typed(door, task, await _token(door, task), "stamp") == (0, lines)


async def test_and_as_a_shell_takes_them(door: ApiWorld, task: Task) -> None:
    _, exported = await _typed(door, task, await _token(door, task), "stamp", "--shell")
    shell = await anyio.run_process(["sh", "-c", f'{exported}\nprintf %s "$HONK_APP_NAME_SUFFIX"'])
    assert shell.stdout == b" (Honk)"


async def test_the_upload_says_what_was_not_taken(door: ApiWorld, task: Task, tmp_path: Path) -> None:
    await door.world.app.stamp_build(door.ada, task, (await door.world.pull_request(task)).head)
    file = tmp_path / "app.ipa"
    file.write_bytes(ipa())
    code, said = await _typed(door, task, await _token(door, task), "upload", str(file))
    assert code == 0 and "build number is 57, and Honk gave 90" in said and "version is 1.4.0" in said
