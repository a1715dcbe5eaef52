"""The film of a build: where it is shown, what it is given out as, and to whom."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from pages_forms import done
from pages_world import Site, site_of

from honk.domain.task import Task

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await made.sign_in(await made.token())
        yield made


def _film(text: str) -> dict[str, str]:
    (tag,) = re.findall(r"<video ([^>]*)>", text)
    return {name: value for name, _, value in re.findall(r'([\w-]+)(="([^"]*)")?', tag)}


async def _filmed(site: Site) -> tuple[Task, str]:
    here = site.world
    here.app = replace(here.app, ports=replace(here.app.ports, films=True))
    task = await done(site)
    build = await here.store.records.build(task.id)
    assert build is not None and build.film
    return task, build.film


async def test_it_is_on_the_pages_of_build_and_task_and_plays_by_a_tap_alone(site: Site) -> None:
    task, digest = await _filmed(site)
    build = await site.world.store.records.build(task.id)
    assert build is not None
    for path in (f"/tasks/{task.id}", f"/tasks/{task.id}/build", f"/builds/{build.id}"):
        page = await site.browser.get(path)
        film = _film(page.text)
        assert film["src"] == f"/tasks/{task.id}/files/{digest}"
        assert film["poster"] == f"/tasks/{task.id}/files/{build.after}"
        assert {"controls", "muted", "playsinline"} <= film.keys() and film["preload"] == "none"
        assert "autoplay" not in film and film["aria-label"]
        assert "media-src 'self'" in page.headers["content-security-policy"]


async def test_it_is_given_out_as_an_mp4_in_parts_too(site: Site) -> None:
    task, digest = await _filmed(site)
    path = f"/tasks/{task.id}/files/{digest}"
    whole = await site.browser.get(path)
    assert (whole.status_code, whole.headers["content-type"]) == (200, "video/mp4")
    assert (
        whole.headers["x-content-type-options"] == "nosniff" and "sandbox" in whole.headers["content-security-policy"]
    )
    part = await site.browser.get(path, headers={"Range": "bytes=4-7"})
    assert (part.status_code, part.content) == (206, b"ftyp")
    assert part.headers["content-range"] == f"bytes 4-7/{len(whole.content)}"
    beyond = await site.browser.get(path, headers={"Range": "bytes=999999-"})
    assert beyond.status_code == 416
    assert (await site.browser.get(f"/tasks/{task.id}/files/{'0' * 64}")).status_code == 404


async def test_one_that_is_no_longer_kept_is_not_shown(site: Site) -> None:
    task, digest = await _filmed(site)
    await site.world.app.ports.artifacts.delete(digest)
    assert "<video" not in await site.text(f"/tasks/{task.id}/build")
    assert (await site.browser.get(f"/tasks/{task.id}/files/{digest}")).status_code == 404


async def test_nobody_sees_it_who_did_not_sign_in(site: Site) -> None:
    task, digest = await _filmed(site)
    site.browser.cookies.clear()
    answer = await site.browser.get(f"/tasks/{task.id}/files/{digest}")
    assert answer.status_code != 200 and b"ftyp" not in answer.content
