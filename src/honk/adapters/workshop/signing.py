"""Signing, with the operator's own keys and programs. Nothing of the app is run, and no link in it is followed."""

import stat
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from anyio.to_thread import run_sync

from honk.adapters.workshop.executing import run

_SECONDS = 900.0
_MANY = 200_000


@dataclass(frozen=True, kw_only=True, slots=True)
class SigningKeys:
    """What the operator of a worker signs with."""

    #: a program and its arguments, in which "{unsigned}", "{signed}" and "{form}" are filled in; goes before the others
    command: tuple[str, ...] = ()
    #: for apksigner
    keystore: str = ""
    alias: str = ""
    password_file: str = ""
    #: for codesign: an identity in the keychain, a provisioning profile, and entitlements
    identity: str = ""
    profile: str = ""
    entitlements: str = ""


class OperatorSigner:
    """Implements honk.ports.Signer."""

    def __init__(self, keys: SigningKeys, environment: Mapping[str, str]) -> None:
        self._keys = keys
        self._environment = dict(environment)

    async def sign(self, unsigned: Path, form: str, into: Path) -> str:
        into.unlink(missing_ok=True)
        keys = self._keys
        if keys.command:
            filled = {"{unsigned}": str(unsigned), "{signed}": str(into), "{form}": form}
            failed = await self._run(*(_filled(one, filled) for one in keys.command))
        elif form == "android" and keys.keystore:
            password = ("--ks-pass", f"file:{keys.password_file}") if keys.password_file else ()
            alias = ("--ks-key-alias", keys.alias) if keys.alias else ()
            own = ("--ks", keys.keystore, *alias, *password)
            failed = await self._run("apksigner", "sign", *own, "--out", str(into), str(unsigned))
        elif form == "ios" and keys.identity:
            failed = await self._codesign(unsigned, into)
        else:
            return f"[worker.signing] of this worker has nothing for {form}"
        return failed or ("" if into.is_file() else "the signer ended well and made nothing")

    async def _codesign(self, unsigned: Path, into: Path) -> str:
        keys = self._keys
        with tempfile.TemporaryDirectory(prefix="honk-sign-", ignore_cleanup_errors=True) as name:
            room = Path(name)
            if wrong := await run_sync(_extracted, unsigned, room):
                return wrong
            apps = sorted((room / "Payload").glob("*.app"))
            if len(apps) != 1:
                return "an .ipa has exactly one app in Payload"
            if keys.profile:
                profile = apps[0] / "embedded.mobileprovision"
                profile.write_bytes(await run_sync(Path(keys.profile).read_bytes))
            inner = [*sorted(apps[0].glob("Frameworks/*")), *sorted(apps[0].glob("PlugIns/*.appex"))]
            own = ("--entitlements", keys.entitlements) if keys.entitlements else ()
            for one in (*inner, apps[0]):
                more = own if one == apps[0] else ()
                if failed := await self._run("codesign", "--force", "--sign", keys.identity, *more, str(one)):
                    return failed
            return await self._run("zip", "-q", "-r", "-X", str(into), "Payload", folder=room)

    async def _run(self, *argv: str, folder: Path | None = None) -> str:
        """Why it failed; "" where it did not."""
        said: list[str] = []

        async def say(line: str) -> None:
            said[:] = [*said[-20:], line]

        code = await run(argv, say, folder=folder, environment=self._environment, timeout=_SECONDS)
        return "" if code == 0 else f"{Path(argv[0]).name} ended with {code}: {' '.join(said)[-400:]}"


def _filled(text: str, filled: Mapping[str, str]) -> str:
    for name, value in filled.items():
        text = text.replace(name, value)
    return text


def _extracted(archive: Path, into: Path) -> str:
    """Its files below `into`; why that is refused. A link could lead a signer to files that are none of the app's."""
    try:
        with zipfile.ZipFile(archive) as content:
            entries = content.infolist()
            kinds = {stat.S_IFMT(one.external_attr >> 16) for one in entries}
            if len(entries) > _MANY or kinds - {0, stat.S_IFREG, stat.S_IFDIR}:
                return "the app has links or other special files in it, or too many files"
            for one in entries:
                made = Path(content.extract(one, into))
                mode = one.external_attr >> 16 & 0o777
                if mode and not one.is_dir():
                    made.chmod(mode | 0o600)
    except (OSError, zipfile.BadZipFile, ValueError, RuntimeError, NotImplementedError) as error:
        return f"the app cannot be unpacked: {type(error).__name__}"
    return ""
