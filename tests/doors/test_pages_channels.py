"""What install pages and pages of builds say of channels, and of what Honk gave a build to carry."""

import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pages_world import Site, site_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import ipa, zipped
from honk.domain.build import Build
from honk.domain.channel import ChannelState, Offer, Seen
from honk.domain.install_link import path_of
from honk.domain.repository import Sha
from honk.domain.stamp import Stamp
from honk.steps.build import given

pytestmark = pytest.mark.anyio
FLIGHT = "https://beta.itunes.apple.com/v1/app/1182814395"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        made.world.previews.origin = "https://honk.example"
        yield made


async def _given(site: Site, content: bytes) -> Build:
    task = await site.world.ask()
    file = site.world.home / "uploaded"
    file.write_bytes(content)
    return await given(task, Sha("c" * 40), file, ports=site.world.app.ports)


async def _stands(site: Site, build: Build, seen: Seen, title: str = "TestFlight") -> None:
    now = site.world.clock()
    offer = Offer(build=build.id, task=build.task, channel="flight", title=title, seen=seen, since=now, due=None)
    await site.world.store.offers.begin(offer)
    await site.world.store.offers.save(offer)


def _page(site: Site, build: Build) -> str:
    return path_of(build, "page", site.world.previews.seal, site.world.clock())


async def test_an_app_of_the_store_is_had_from_testflight(site: Site) -> None:
    build = await _given(site, ipa("App Store"))
    await _stands(site, build, Seen(state=ChannelState.PROCESSING, link=FLIGHT, detail="processing at Apple"))
    text = await site.text(_page(site, build))
    assert "<strong>TestFlight:</strong> processing, processing at Apple" in text and FLIGHT not in text
    until = site.world.clock() + timedelta(days=90)
    await _stands(site, build, Seen(state=ChannelState.READY, link=FLIGHT, until=until))
    text = await site.text(_page(site, build))
    assert f'href="{FLIGHT}" rel="noreferrer">Open in TestFlight' in text and f"{until:%Y-%m-%d}" in text
    assert "from which alone a phone installs it" in text
    site.world.clock.now += timedelta(days=91)  # type: ignore[attr-defined]
    text = await site.text(_page(site, build))
    assert FLIGHT not in text and "<strong>TestFlight:</strong> expired" in text


async def test_a_web_build_shows_its_channels_to_who_signed_in(site: Site) -> None:
    build = await _given(site, zipped({"index.html": b"<title>Hello</title>"}))
    await _stands(site, build, Seen(state=ChannelState.READY, link="https://shelf.example/1"), "The shelf")
    await site.sign_in(await site.token())
    text = await site.text(f"/builds/{build.id}")
    assert 'href="https://shelf.example/1" rel="noreferrer">Open in The shelf' in text


async def test_words_of_a_channel_are_only_words(site: Site) -> None:
    build = await _given(site, ipa())
    script = '"><script>alert(1)</script>'
    await _stands(site, build, Seen(state=ChannelState.WAITING, link=script, detail=script), script)
    assert "<script>alert" not in await site.text(_page(site, build))


async def test_what_the_app_does_not_carry_is_said(site: Site) -> None:
    build = await _given(site, ipa())
    assert "Honk gave" not in await site.text(_page(site, build))
    for stamp, said in (
        (Stamp(number=57), "57, which it carries"),
        (Stamp(number=58, version="2.0"), "Its build number is 57, and Honk gave 58."),
    ):
        await site.world.store.records.save_build(replace(build, stamp=stamp))
        text = await site.text(_page(site, build))
        assert said in text
    assert "Its version is 1.4.0, and Honk gave 2.0." in text and "which it carries" not in text
