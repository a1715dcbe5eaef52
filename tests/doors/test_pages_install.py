"""Install pages and the signed links of a phone that is not signed in: what they open, and what they never do."""

import plistlib
import re
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from pages_world import Site, site_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import FOLDER, info, ipa, profile, zipped
from honk.domain.access import Scope
from honk.domain.build import Build
from honk.domain.event import AgentFinished
from honk.domain.install_link import KINDS, Kind, path_of
from honk.domain.policy import Act
from honk.domain.repository import Sha
from honk.domain.task import Task
from honk.steps.build import given

pytestmark = pytest.mark.anyio
APK = Path(__file__).resolve().parents[1] / "data" / "android" / "app.apk"
COMMIT = Sha("c" * 40)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path) as made:
        made.world.previews.origin = "https://honk.example"
        yield made


async def _given(site: Site, content: bytes | None = None, text: str = "fix the crash") -> tuple[Task, Build]:
    """A task whose build was uploaded."""
    task = await site.world.ask(text)
    file = site.world.home / "uploaded"
    file.write_bytes(APK.read_bytes() if content is None else content)
    return task, await given(task, COMMIT, file, ports=site.world.app.ports)


def _link(site: Site, build: Build, kind: Kind, *, ago: timedelta = timedelta()) -> str:
    return path_of(build, kind, site.world.previews.seal, site.world.clock() - ago)


async def _tells_what_to_try(site: Site, task: Task) -> None:
    said = AgentFinished(attempt=1, summary="Done.\nTo try: press play", cut_short="", reason="", seconds=1.0)
    await site.world.store.events.record(task.id, 1, said)


async def _now(site: Site, build: Build) -> Build:
    found = await site.world.store.records.find_build(build.id)
    assert found is not None
    return found


# ── the page ───────────────────────────────────────────────────────────────────────────────────
async def test_a_phone_that_is_not_signed_in_gets_the_app(site: Site) -> None:
    task, build = await _given(site)
    await _tells_what_to_try(site, task)
    text = await site.text(_link(site, build, "page"))
    for said in ("Music player", "1.4.0 (57)+ccccccc", "Android 7.0 and later", "Ada", "fix the crash", "press play"):
        assert said in text, said
    assert "unknown apps" in text and "android.permission.CAMERA" in text and "com.example.player" in text
    install = re.search(r'class="launch wide" href="(/b/[^"]+/app\.apk)"', text)
    icon = re.search(r'src="(/b/[^"]+/icon)"', text)
    assert install is not None and icon is not None
    answer = await site.browser.get(install[1])
    assert answer.content == APK.read_bytes()
    assert answer.headers["content-type"] == "application/vnd.android.package-archive"
    assert answer.headers["content-disposition"] == 'attachment; filename="Music-player-1.4.0-57-ccccccc.apk"'
    assert (await site.browser.get(icon[1])).headers["content-type"] == "image/png"


async def test_an_iphone_is_led_to_the_manifest_and_the_package(site: Site) -> None:
    _, build = await _given(site, ipa())
    text = await site.text(_link(site, build, "page"))
    found = re.search(r'href="(itms-services://\?action=download-manifest&amp;url=([^"&]+))"', text)
    assert found is not None and "2 devices" in text and "2027-06-01" in text
    address = unquote(unescape(found[2]))
    assert address.startswith("https://honk.example/b/") and "%" not in address
    manifest = await site.browser.get(address.removeprefix("https://honk.example"))
    assert manifest.headers["content-type"].startswith("text/xml")
    item = plistlib.loads(manifest.content)["items"][0]
    assert item["metadata"] == {
        "bundle-identifier": "com.example.player",
        "bundle-version": "1.4.0",
        "kind": "software",
        "title": "Music player",
    }
    package, icon = (one["url"].removeprefix("https://honk.example") for one in item["assets"])
    assert (await site.browser.get(package)).content == ipa()
    assert (await site.browser.get(icon)).content.startswith(b"\x89PNG")
    assert DEVICE not in text + manifest.text


DEVICE = "00008110"  # how the identifiers of the profile's devices begin


async def test_without_https_an_iphone_is_told_why_not(site: Site) -> None:
    site.world.previews.origin = "http://192.0.2.1:8080"
    _, build = await _given(site, ipa())
    text = await site.text(_link(site, build, "page"))
    assert "https address" in text and "itms-services" not in text
    assert (await site.browser.get(_link(site, build, "manifest"))).status_code == 404


@pytest.mark.parametrize(("kind", "said"), [("App Store", "TestFlight"), ("enterprise", "trust the developer")])
async def test_the_profile_decides_what_is_said(site: Site, kind: str, said: str) -> None:
    _, build = await _given(site, ipa(kind))
    text = await site.text(_link(site, build, "page"))
    assert said in text and ("itms-services" in text) == (kind == "enterprise")


async def test_a_browser_within_another_app_is_told_to_leave(site: Site) -> None:
    _, build = await _given(site, ipa())
    link = _link(site, build, "page")
    for agent, said in (
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Slack/24", "open this page in Safari"),
        ("Mozilla/5.0 (Linux; Android 15; Pixel; wv) Slack", "open this page in Chrome"),
    ):
        assert said in (await site.browser.get(link, headers={"User-Agent": agent})).text
    ipad = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) Version/18 Safari/605.1.15"
    text = (await site.browser.get(link, headers={"User-Agent": ipad})).text
    assert "open this page in" not in text and "itms-services" in text


async def test_what_could_not_be_read_is_kept_and_said(site: Site) -> None:
    _, build = await _given(site, ipa(Info=b"rubbish"))
    assert build.kind == "ios" and build.package is not None and build.package.facts is None
    text = await site.text(_link(site, build, "page"))
    assert "What it is could not be read: its Info.plist is no property list" in text and "itms-services" not in text
    assert (await site.browser.get(_link(site, build, "package"))).content == ipa(Info=b"rubbish")


async def test_a_hostile_app_is_only_words(site: Site) -> None:
    name = '"><script>alert(1)</script><img src=x onerror=alert(2)>'
    files = {
        f"{FOLDER}Info.plist": info(CFBundleDisplayName=name),
        f"{FOLDER}embedded.mobileprovision": profile("ad hoc"),
    }
    svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(3)'/>"
    _, build = await _given(site, zipped({**files, f"{FOLDER}AppIcon60x60.png": svg}), text=name)
    answer = await site.browser.get(_link(site, build, "page"))
    assert "<script>alert" not in answer.text and "<img src=x" not in answer.text and "onload" not in answer.text
    assert (await site.browser.get(_link(site, build, "icon"))).status_code == 404
    manifest = plistlib.loads((await site.browser.get(_link(site, build, "manifest"))).content)
    assert manifest["items"][0]["metadata"]["title"].startswith('"><script>')


# ── the links ──────────────────────────────────────────────────────────────────────────────────
async def test_a_link_is_bound_to_its_build_its_kind_and_its_date(site: Site) -> None:
    _, build = await _given(site)
    _, other = await _given(site, ipa())
    for kind in KINDS:
        link = _link(site, build, kind)
        assert (await site.browser.get(link)).status_code == (404 if kind in {"manifest", "device"} else 200)
        altered = [link.replace(f"/{kind}/", f"/{wrong}/") for wrong in (*KINDS, "tar", "..") if wrong != kind]
        altered.append(link.replace(build.id, other.id))
        altered.append(link.replace(build.id, "0" * 16))
        altered.append(re.sub(r"/([0-9a-f]+)-", lambda found: f"/{int(found[1], 16) + 1:x}-", link))
        altered.append(re.sub(r"-[a-z2-7]{20}/", "-" + "a" * 20 + "/", link))
        altered.append(re.sub(r"-[a-z2-7]{20}/", "/", link))
        altered.append(re.sub(r"/([0-9a-f]+)-", lambda found: f"/0{found[1]}-", link))
        for one in altered:
            answer = await site.browser.get(one)
            assert answer.status_code == 404 and "Music player" not in answer.text, one


async def test_an_expired_link_says_so_and_opens_nothing(site: Site) -> None:
    _, build = await _given(site)
    for kind, days in (("page", 15), ("package", 2), ("icon", 2)):
        answer = await site.browser.get(_link(site, build, kind, ago=timedelta(days=days)))  # type: ignore[arg-type]
        assert answer.status_code == 410 and "expired" in answer.text
    assert (await site.browser.get(_link(site, build, "page", ago=timedelta(days=14)))).status_code == 200


async def test_a_package_can_be_fetched_in_parts(site: Site) -> None:
    _, build = await _given(site)
    link, whole = _link(site, build, "package"), APK.read_bytes()
    head = await site.browser.head(link)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(whole)))
    assert head.headers["accept-ranges"] == "bytes"
    etag = head.headers["etag"]
    part = await site.browser.get(link, headers={"Range": "bytes=100-199", "If-Range": etag})
    assert (part.status_code, part.content) == (206, whole[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    last = await site.browser.get(link, headers={"Range": "bytes=-10"})
    assert (last.status_code, last.content) == (206, whole[-10:])
    assert (await site.browser.get(link, headers={"Range": f"bytes={len(whole)}-"})).status_code == 416
    changed = await site.browser.get(link, headers={"Range": "bytes=1-2", "If-Range": '"another"'})
    assert (changed.status_code, changed.content) == (200, whole)
    assert (await site.browser.get(link, headers={"If-None-Match": etag})).status_code == 304


async def test_only_a_package_fetched_from_its_beginning_counts(site: Site) -> None:
    _, build = await _given(site)
    link = _link(site, build, "package")
    for path in (_link(site, build, "page"), _link(site, build, "icon")):
        await site.browser.get(path, headers={"User-Agent": "Slackbot-LinkExpanding 1.0"})
    await site.browser.head(link)
    await site.browser.get(link, headers={"Range": "bytes=5-"})
    assert (await _now(site, build)).fetched == 0
    await site.browser.get(link)
    await site.browser.get(link, headers={"Range": "bytes=0-99"})
    assert (await _now(site, build)).fetched == 2


async def test_nothing_that_an_agent_made_has_rights(site: Site) -> None:
    _, build = await _given(site)
    for kind in ("package", "icon"):
        headers = (await site.browser.get(_link(site, build, kind))).headers  # type: ignore[arg-type]
        assert "sandbox" in headers["content-security-policy"] and headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer" and "private" in headers["cache-control"]
    answer = await site.browser.get(_link(site, build, "page"))
    assert answer.headers["referrer-policy"] == "no-referrer" and "set-cookie" not in answer.headers
    assert (
        "script-src 'self'" in answer.headers["content-security-policy"] and "noindex" in answer.headers["x-robots-tag"]
    )


async def test_what_is_no_longer_kept_is_gone(site: Site) -> None:
    _, build = await _given(site)
    assert build.package is not None
    await site.world.app.ports.artifacts.delete(build.package.digest)
    for kind in ("page", "package", "icon"):
        assert (await site.browser.get(_link(site, build, kind))).status_code == 410  # type: ignore[arg-type]


async def test_web_builds_have_no_such_links(site: Site) -> None:
    _, build = await _given(site, ipa())
    await site.world.store.records.save_build(replace(build, kind="web", package=None))
    for kind in KINDS:
        assert (await site.browser.get(_link(site, build, kind))).status_code == 410


# ── for those who signed in ────────────────────────────────────────────────────────────────────
async def test_the_builds_own_page_has_the_link_for_a_phone_and_a_code(site: Site) -> None:
    task, build = await _given(site)
    path = f"/builds/{build.id}"
    assert (await site.browser.get(path)).status_code == 303
    await site.sign_in(await site.token(), to=path)
    for where in (path, f"/tasks/{task.id}/build"):
        text = await site.text(where)
        assert "Install" in text and "<svg" in text and f"http://preview/{build.id}" in text and "Music player" in text


async def _end(site: Site, build: Build, **form: str) -> int:
    text = await site.text(f"/builds/{build.id}")
    nonce = re.search(r'end-links"><input type="hidden" name="nonce" value="(\w*)"', text)
    assert nonce is not None
    data = {"nonce": nonce[1], **form}
    return (await site.browser.post(f"/builds/{build.id}/end-links", data=data)).status_code


async def test_whoever_may_steer_ends_the_links_and_new_ones_work(site: Site) -> None:
    _, build = await _given(site)
    await site.sign_in(await site.token(Scope.READ, Scope.STEER))
    before = {kind: _link(site, build, kind) for kind in KINDS}
    assert await _end(site, build) == 303
    for link in before.values():
        answer = await site.browser.get(link)
        assert answer.status_code == 410 and "ended the links" in answer.text
    assert (await site.browser.get(_link(site, await _now(site, build), "page"))).status_code == 200
    await site.world.store.records.save_build(build)  # as a step does that is done again
    assert (await site.browser.get(before["page"])).status_code == 410
    entries = await site.world.store.audit.read()
    assert any(entry.act == Act.STEER and entry.task == build.task for entry in entries)


async def test_links_are_not_ended_by_others(site: Site) -> None:
    _, build = await _given(site)
    assert (await site.browser.post(f"/builds/{build.id}/end-links")).status_code == 303  # to the sign-in page
    await site.sign_in(await site.token())
    assert await _end(site, build) == 403  # a token that is only for looking
    site.browser.cookies.clear()
    await site.sign_in(await site.token(Scope.READ, Scope.STEER))
    assert await _end(site, build, nonce="0" * 32) == 403
    assert (await site.browser.get(f"/builds/{build.id}/end-links")).status_code == 405
    site.world.policy.refused.add(((await site.world.person()).id, Act.STEER))
    assert await _end(site, build) == 403
    assert (await _now(site, build)).revoked == 0
    assert (await site.browser.get(_link(site, build, "page"))).status_code == 200


async def test_a_web_build_says_who_asked_and_what_to_try(site: Site) -> None:
    task, build = await _given(site, zipped({"index.html": b"<title>Hello</title>"}))
    await _tells_what_to_try(site, task)
    await site.sign_in(await site.token(Scope.READ))
    text = await site.text(f"/builds/{build.id}")
    assert "Open this version" in text and "press play" in text and "<dd>Ada</dd>" in text and "/b/" not in text
