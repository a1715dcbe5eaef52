"""What `Packages` promises, of the real one in the real sandbox and of its fake; Debian's tools must agree."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from fabricated import FOLDER, info, ipa, zipped
from honk.adapters.bubblewrap import Bubblewrap
from honk.adapters.files import FileArtifacts
from honk.adapters.mobile import SandboxedPackages
from honk.ports import Packages, Reading
from honk.testing.fake_packages import FakePackages
from partners import android_tools

pytestmark = [pytest.mark.anyio, pytest.mark.sandbox]


def _real(folder: Path) -> Packages:
    return SandboxedPackages(Bubblewrap(folder / "home"), folder / "home")


@pytest.fixture(params=[_real, lambda _: FakePackages()], ids=["sandboxed", "fake"])
def packages(request: pytest.FixtureRequest, short_tmp: Path) -> Packages:
    make: Callable[[Path], Packages] = request.param
    return make(short_tmp)


async def _read(packages: Packages, content: bytes, folder: Path) -> Reading:
    file = folder / "given"
    file.write_bytes(content)
    return await packages.read(file)


async def test_an_app_is_known_and_has_an_icon(packages: Packages, short_tmp: Path) -> None:
    said = await _read(packages, ipa(), short_tmp)
    assert said.facts is not None and said.facts.profile is not None and said.unread == ""
    assert (said.form, said.facts.id, said.facts.profile.kind) == ("ipa", "com.example.player", "ad hoc")
    assert said.icon.startswith(b"\x89PNG\r\n\x1a\n")


async def test_what_is_no_app_or_is_broken_is_an_answer(packages: Packages, short_tmp: Path) -> None:
    assert await _read(packages, b"hello", short_tmp) == Reading()
    broken = await _read(packages, ipa(Info=b"rubbish"), short_tmp)
    assert broken.form == "ipa" and broken.facts is None and "no property list" in broken.unread


async def test_its_words_hide_and_reorder_nothing(packages: Packages, short_tmp: Path) -> None:
    name = "pay\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe\0" + "x" * 5000
    said = await _read(packages, ipa(Info=info(CFBundleDisplayName=name, CFBundleVersion=7)), short_tmp)
    assert said.facts is not None and len(said.facts.name) <= 60 and said.facts.number == ""
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in said.facts.name and "\0" not in said.facts.name


async def test_a_file_of_the_store_is_read_where_it_lies(short_tmp: Path) -> None:
    artifacts = FileArtifacts(short_tmp / "home" / "artifacts")
    said = await _real(short_tmp).read(artifacts.path(await artifacts.put(ipa())))
    assert said.facts is not None


async def test_what_needs_more_than_it_may_have_ends_within_the_sandbox(short_tmp: Path) -> None:
    """A property list of many small things takes far more memory than the file has."""
    plist = b"<plist><array>" + b"<dict/>" * 280_000 + b"</array></plist>"
    said = await _read(_real(short_tmp), zipped({f"{FOLDER}Info.plist": plist}), short_tmp)
    assert said.facts is None and said.unread


# ── the tools that Android itself is built with ────────────────────────────────────────────────
@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("android")


@pytest.mark.partner("android-tools")
@pytest.mark.seconds(60)
@pytest.mark.parametrize("schemes", [(1, 2, 3), (1,), (2,)])
async def test_facts_are_those_that_aapt2_and_apksigner_tell(
    schemes: tuple[int, ...], room: Path, short_tmp: Path
) -> None:
    apk = android_tools.signed(room, schemes=schemes)
    said = await _real(short_tmp).read(apk)
    assert said.facts is not None and said.icon
    badging = android_tools.run("aapt2", "dump", "badging", apk)
    first = re.search(r"^package: name='(.*?)' versionCode='(.*?)' versionName='(.*?)'", badging)
    assert first is not None and first.groups() == (said.facts.id, said.facts.number, said.facts.version)
    assert f"application-label:'{said.facts.name}'" in badging
    assert f"sdkVersion:'{said.facts.minimum}'" in badging and f"targetSdkVersion:'{said.facts.target}'" in badging
    assert tuple(re.findall(r"^uses-permission: name='(.*?)'", badging, re.MULTILINE)) == said.facts.permissions
    # of systems that know the second scheme the first is not asked
    oldest = "21" if 1 in schemes else "24"
    verified = android_tools.run("apksigner", "verify", "--min-sdk-version", oldest, "--print-certs", "-v", apk)
    assert re.findall(r"certificate SHA-256 digest: (\w+)", verified) == [said.facts.signer]
    used = re.findall(r"Verified using v([123]) scheme .*: true", verified)
    assert tuple(int(one) for one in used) == said.facts.schemes == schemes


@pytest.mark.partner("android-tools")
@pytest.mark.seconds(60)
async def test_an_unsigned_app_has_no_signer_and_a_bundle_says_the_same(room: Path, short_tmp: Path) -> None:
    apk, aab = android_tools.signed(room), android_tools.bundle(room)
    bare, signed, bundle = [await _real(short_tmp).read(one) for one in (room / "aligned.apk", apk, aab)]
    assert bare.facts is not None and signed.facts is not None and bundle.facts is not None
    assert (bare.facts.signer, bare.facts.schemes) == ("", ())
    assert (bundle.form, bundle.facts.id, bundle.facts.name, bundle.facts.version, bundle.facts.number) == (
        *("aab", signed.facts.id, signed.facts.name, signed.facts.version, signed.facts.number),
    )
    assert bundle.facts.permissions == signed.facts.permissions and bundle.icon
