"""On the page of a merge: what its deployment waits for, and that it is deployed now by who says so."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pages_forms import done, led_to, press, settled, signed_in, words
from pages_world import Site, site_of

from honk.domain.task import State
from honk.testing.world import ADDRESS

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        await signed_in(made)
        yield made


async def test_what_waits_is_said_before_merge_and_deployed_now_by_who_says_so(site: Site) -> None:
    ada = await site.world.person()
    await site.world.app.freeze(ada, ADDRESS, "<script>alert(1)</script>", environment="production")
    task = await done(site)
    page = await site.browser.get(f"/tasks/{task.id}/merge")
    assert "production is frozen by Ada" in words(page) and "<script>alert" not in page.text
    assert 'name="now"' not in page.text, "it is merged first"
    for now in ("", "yes"):
        led_to(await press(site, task, "merge", page="/merge", now=now))
        task = await settled(site, task)
        assert task.state is (State.DEPLOYED if now else State.MERGED)
