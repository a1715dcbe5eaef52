"""An iPhone tells its identifier, signed: what is believed of that, what is kept of it, and what is never done."""

import plistlib
import re
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import PKCS7Options, PKCS7SignatureBuilder
from pages_world import Site, site_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import DEVICES, ipa
from honk.domain.build import Build
from honk.domain.install_link import path_of
from honk.domain.repository import Sha
from honk.doors.web.phone_answer import LARGEST, Unreadable, read_answer
from honk.steps.build import given

pytestmark = pytest.mark.anyio
OTHER = "00008110-FFFFFFFFFFFFFFFF"
PREFIX = "https://honk"


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    async with site_of(tmp_path, secure=True) as made:
        made.world.previews.origin = PREFIX
        yield made


async def _given(site: Site, kind: str = "ad hoc") -> Build:
    task = await site.world.ask()
    file = site.world.home / "uploaded"
    file.write_bytes(ipa(kind))
    return await given(task, Sha("c" * 40), file, ports=site.world.app.ports)


def _link(site: Site, build: Build, kind: Any = "device") -> str:
    return path_of(build, kind, site.world.previews.seal, site.world.clock())


@cache
def _signer(kind: str = "rsa") -> tuple[Any, x509.Certificate]:
    key: Any = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "An iPhone")])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(at).not_valid_after(at + timedelta(days=9999))
    return key, made.sign(key, hashes.SHA256())


def _said(challenge: str, **changes: Any) -> bytes:
    known = {"UDID": DEVICES[0], "PRODUCT": "iPhone14,2", "VERSION": "22A3354", "CHALLENGE": challenge, **changes}
    return plistlib.dumps(known)


def _signed(content: bytes, *options: PKCS7Options, kind: str = "rsa") -> bytes:
    key, certificate = _signer(kind)
    builder = PKCS7SignatureBuilder().set_data(content).add_signer(certificate, key, hashes.SHA256())
    return builder.sign(Encoding.DER, [PKCS7Options.Binary, *options])


async def _asked(site: Site, build: Build) -> tuple[str, str]:
    """Where the phone is to answer, and with which challenge."""
    text = await site.text(_link(site, build))
    found = re.search(r'href="(/b/[^"]+/find\.mobileconfig)"', text)
    assert found is not None
    answer = await site.browser.get(found[1])
    assert answer.headers["content-type"] == "application/x-apple-aspen-config"
    profile = plistlib.loads(answer.content)
    assert profile["PayloadType"] == "Profile Service" and profile["PayloadVersion"] == 1
    asked = profile["PayloadContent"]
    assert asked["DeviceAttributes"] == ["UDID", "PRODUCT", "VERSION"] and asked["URL"].startswith(f"{PREFIX}/b/")
    return asked["URL"].removeprefix(PREFIX), asked["Challenge"]


# ── the whole way ──────────────────────────────────────────────────────────────────────────────
async def test_a_phone_learns_whether_it_is_in_the_profile_and_keeps_it_if_it_wants(site: Site) -> None:
    build = await _given(site)
    install = _link(site, build, "page")
    assert "Is this iPhone in its profile?" in await site.text(install)
    for udid, said in ((DEVICES[0], "is in the profile"), (OTHER, "is not in the profile")):
        url, challenge = await _asked(site, build)
        site.browser.cookies.clear()
        answer = await site.browser.post(url, content=_signed(_said(challenge, UDID=udid)))
        assert answer.status_code == 301 and "set-cookie" not in answer.headers
        assert udid not in answer.headers["location"] and udid.lower() not in answer.headers["location"].lower()
        found = await site.browser.get(answer.headers["location"].removeprefix(PREFIX))
        assert said in found.text and udid in found.text and "iPhone14,2" in found.text
        assert found.headers["referrer-policy"] == "no-referrer" and "no-store" in found.headers["cache-control"]
        assert "Is this iPhone in its profile?" in await site.text(install), "nothing is kept without a word"
        fields = dict(re.findall(r'name="(nonce|token)" value="([^"]+)"', found.text))
        kept = await site.browser.post(_link(site, build) + "keep", data=fields)
        assert kept.status_code == 303
        cookie = kept.headers["set-cookie"].lower()
        assert all(one in cookie for one in ("httponly", "secure", "path=/b", "samesite=lax")) and udid not in cookie
        assert f"This iPhone {said.replace('the profile', 'its profile')}" in await site.text(install)
        page = await site.text(_link(site, build))
        assert "Forget it" in page and udid in page
        nonce = re.search(r'name="nonce" value="([^"]+)"', page)
        assert nonce is not None
        gone = await site.browser.post(_link(site, build) + "forget", data={"nonce": nonce[1]})
        assert gone.status_code == 303 and "Is this iPhone in its profile?" in await site.text(install)
    for path in site.world.home.rglob("*"):
        assert not path.is_file() or OTHER.encode() not in path.read_bytes(), "the server has kept it"


@pytest.mark.parametrize("kind", ["enterprise", "App Store"])
async def test_where_no_device_is_named_nothing_is_asked(site: Site, kind: str) -> None:
    build = await _given(site, kind)
    assert (await site.browser.get(_link(site, build))).status_code == 404
    assert (await site.browser.get(_link(site, build) + "find.mobileconfig")).status_code == 404
    assert (await site.browser.post(_link(site, build) + "answer", content=b"x")).status_code == 404
    assert "in its profile" not in await site.text(_link(site, build, "page"))


async def test_without_https_no_phone_is_asked(site: Site) -> None:
    build = await _given(site)
    site.world.previews.origin = "http://192.0.2.1"
    text = await site.text(_link(site, build))
    assert "https address" in text and "mobileconfig" not in text
    assert (await site.browser.get(_link(site, build) + "find.mobileconfig")).status_code == 404


# ── what is refused ────────────────────────────────────────────────────────────────────────────
async def test_only_an_answer_to_this_very_question_counts(site: Site) -> None:
    build, other = await _given(site), await _given(site, "development")
    url, challenge = await _asked(site, build)
    there, theirs = await _asked(site, other)
    assert challenge != theirs
    assert (await site.browser.post(there, content=_signed(_said(challenge)))).status_code == 400
    altered = re.sub(r"-[a-z2-7]{20}/", "-" + "a" * 20 + "/", url)
    assert (await site.browser.post(altered, content=_signed(_said(challenge)))).status_code == 404
    assert (await site.browser.post(url.replace("/device/", "/page/"), content=b"x")).status_code == 404
    page = _link(site, build, "page")
    assert (await site.browser.post(page, content=b"x")).status_code == 405
    await site.world.store.records.end_links(build.id)
    assert (await site.browser.post(url, content=_signed(_said(challenge)))).status_code == 410


async def test_what_was_found_is_for_its_build_and_for_half_an_hour(site: Site) -> None:
    build, other = await _given(site), await _given(site, "development")
    url, challenge = await _asked(site, build)
    answer = await site.browser.post(url, content=_signed(_said(challenge)))
    there = answer.headers["location"].removeprefix(PREFIX)
    token = there.rsplit("/", 1)[1]
    assert (await site.browser.get(_link(site, other) + f"found/{token}")).status_code == 404
    for wrong in (token[:-4] + "AAAA", token[:50], "a" * 60, "ü" * 60, "", "../../x", "a" * 2000):
        assert (await site.browser.get(_link(site, build) + f"found/{wrong}")).status_code == 404, wrong
    site.browser.cookies.set("honk-device", token)
    assert "Is this iPhone in its profile?" in await site.text(_link(site, build, "page")), "it is no cookie"
    site.world.clock.now += timedelta(minutes=31)  # type: ignore[attr-defined]
    assert (await site.browser.get(there)).status_code == 404


async def test_another_site_makes_no_browser_keep_anything(site: Site) -> None:
    build = await _given(site)
    url, challenge = await _asked(site, build)
    answer = await site.browser.post(url, content=_signed(_said(challenge)))
    token = answer.headers["location"].rsplit("/", 1)[1]
    for data in ({"token": token}, {"token": token, "nonce": "0" * 32}, {}):
        for verb in ("keep", "forget"):
            refused = await site.browser.post(_link(site, build) + verb, data=data)
            assert refused.status_code == 403 and "honk-device" not in refused.headers.get("set-cookie", "")


async def test_a_large_answer_is_not_read_to_its_end(site: Site) -> None:
    build = await _given(site)
    url, _ = await _asked(site, build)
    assert (await site.browser.post(url, content=b"0" * (LARGEST + 1))).status_code == 413


async def test_words_of_a_phone_are_only_words(site: Site) -> None:
    build = await _given(site)
    url, challenge = await _asked(site, build)
    script = "<script>alert(1)</script>"
    answer = await site.browser.post(url, content=_signed(_said(challenge, PRODUCT=script, VERSION=script)))
    found = await site.browser.get(answer.headers["location"].removeprefix(PREFIX))
    assert found.status_code == 200 and "alert(1)" not in found.text


# ── the answer itself ──────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize("kind", ["rsa", "ec"])
@pytest.mark.parametrize("options", [(), (PKCS7Options.NoAttributes,), (PKCS7Options.NoCapabilities,)], ids=len)
def test_answers_are_understood(kind: str, options: tuple[PKCS7Options, ...]) -> None:
    phone = read_answer(_signed(_said("x" * 20), *options, kind=kind), "x" * 20)
    assert (phone.udid, phone.product, phone.system) == (DEVICES[0], "iPhone14,2", "22A3354")


@pytest.mark.parametrize("how", [(), ("-stream",), ("-md", "sha1"), ("-noattr",)], ids="".join)
def test_openssls_answers_are_understood(tmp_path: Path, how: tuple[str, ...]) -> None:
    """In one piece, and in pieces of no stated length, as phones may send it."""
    if (openssl := shutil.which("openssl")) is None:
        pytest.skip("there is no openssl here")
    key, certificate = _signer()
    form = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "both.pem").write_bytes(form + certificate.public_bytes(Encoding.PEM))
    (tmp_path / "said").write_bytes(_said("x" * 20))
    words = ("cms", "-sign", "-nodetach", "-binary", "-in", "said", "-signer", "both.pem", "-outform", "DER", *how)
    done = subprocess.run([openssl, *words], cwd=tmp_path, capture_output=True, check=True)
    assert read_answer(done.stdout, "x" * 20).udid == DEVICES[0]


@pytest.mark.parametrize(
    "changes",
    [
        {"UDID": "short"},
        {"UDID": ["00008110-000A1B2C3D4E5F60"]},
        {"UDID": "0" * 41},
        {"UDID": ""},
        {"CHALLENGE": "another"},
        {"CHALLENGE": ""},
        {"CHALLENGE": ["x" * 20]},
    ],
    ids=lambda one: f"{next(iter(one))}-{type(next(iter(one.values()))).__name__}-{len(next(iter(one.values())))}",
)
def test_answers_that_say_something_else_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        read_answer(_signed(_said("x" * 20, **changes)), "x" * 20)


def test_every_changed_byte_is_noticed_or_means_nothing() -> None:
    whole = _signed(_said("x" * 20))
    place = whole.index(DEVICES[0].encode())
    with pytest.raises(Unreadable):
        read_answer(whole[:place] + b"1" + whole[place + 1 :], "x" * 20)
    for at in range(0, len(whole), 7):
        before, after = whole[:at], whole[at + 1 :]
        for changed in (before + bytes([whole[at] ^ 0x41]) + after, before, before + after):
            try:
                assert read_answer(changed, "x" * 20).udid == DEVICES[0]
            except Unreadable:
                continue


def _der(tag: int, body: bytes) -> bytes:
    size = len(body).to_bytes(4, "big")
    return bytes([tag, 0x84]) + size + body


def _nested(times: int) -> bytes:
    content = b""
    for _ in range(times):
        content = _der(0x30, content)
    return content


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><plist><string>&b;</string></plist>'
)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x30",
        b"\x30\x80" * 5000,
        b"\x30\x84\xff\xff\xff\xff",
        _nested(500),
        _der(0x30, b"\x05\x00" * 20_000),
        b"\x30\x80\x00\x00",
        b"\x1f\x81\x01\x00",
        plistlib.dumps({"UDID": DEVICES[0]}),
        _signed(b"no list"),
        _signed(BOMB),
        _signed(plistlib.dumps([1])),
        _signed(plistlib.dumps({"UDID": DEVICES[0]}, fmt=plistlib.FMT_BINARY)),
        _signed(_said("x" * 20), PKCS7Options.DetachedSignature),
        _signed(_said("x" * 20, FILL="x" * 20_000)),
        _signed(_said("x" * 20), PKCS7Options.NoCerts),
        _signed(_said("x" * 20)) + b"x",
    ],
    ids=[
        *("empty", "one byte", "open", "huge length", "deep", "many", "nothing", "long tag", "unsigned"),
        *("rubbish", "bomb", "array", "binary", "detached", "large", "no certificate", "behind"),
    ],
)
def test_rubbish_is_refused_with_a_sentence(content: bytes) -> None:
    with pytest.raises(Unreadable, match=r"^[a-z].+"):
        read_answer(content, "x" * 20)
