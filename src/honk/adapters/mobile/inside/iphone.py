"""An .ipa: Info.plist, the provisioning profile, and the icon."""

import plistlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .pictures import LARGEST, icon
from .unreadable import Unreadable
from .zips import Zip

INFO = re.compile(r"Payload/([^/]+\.app)/Info\.plist")
_PLIST_LIMIT, _PROFILE_LIMIT = 2 << 20, 4 << 20
_FAMILIES = {1: "iPhone", 2: "iPad", 3: "Apple TV", 4: "Apple Watch", 6: "Mac", 7: "Apple Vision"}
_DEVICES = 2000


def ipa(_: Path, archive: Zip) -> tuple[dict[str, Any], bytes]:
    """What is known of it, and its icon."""
    found = [match for name in archive.names if (match := INFO.fullmatch(name))]
    if len(found) != 1:
        raise Unreadable(f"it has {len(found)} apps in Payload, not one")
    folder = f"Payload/{found[0][1]}/"
    info = _plist(archive.read(found[0][0], _PLIST_LIMIT), "Info.plist")
    families = [one for one in _list(info.get("UIDeviceFamily")) if isinstance(one, int)]
    facts = {
        "form": "ipa",
        "id": _text(info, "CFBundleIdentifier"),
        "name": _text(info, "CFBundleDisplayName") or _text(info, "CFBundleName"),
        "version": _text(info, "CFBundleShortVersionString"),
        "number": _text(info, "CFBundleVersion"),
        "minimum": _text(info, "MinimumOSVersion"),
        "families": [_FAMILIES[one] for one in families if one in _FAMILIES],
        "simulator": _text(info, "DTPlatformName").endswith("simulator"),
        "profile": _profile(archive, f"{folder}embedded.mobileprovision"),
    }
    return facts, _icon(archive, folder, info)


def _plist(content: bytes, name: str) -> dict[str, Any]:
    """plistlib itself refuses the declaration of entities."""
    try:
        found = plistlib.loads(content)
    except Exception as exc:
        raise Unreadable(f"its {name} is no property list: {exc}") from exc
    if not isinstance(found, dict):
        raise Unreadable(f"its {name} is no dictionary")
    return found


def _text(table: dict[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [one for one in _list(value) if isinstance(one, str)]


def _profile(archive: Zip, name: str) -> dict[str, Any] | None:
    """The XML within the signed message (CMS); whether that signature is right is not looked at."""
    if not archive.has(name):
        return None
    content = archive.read(name, _PROFILE_LIMIT)
    start, end = content.find(b"<?xml"), content.rfind(b"</plist>")
    if start < 0 or end < start:
        raise Unreadable("its embedded.mobileprovision has no property list")
    said = _plist(content[start : end + len(b"</plist>")], "embedded.mobileprovision")
    devices, entitlements = said.get("ProvisionedDevices"), said.get("Entitlements")
    develops = isinstance(entitlements, dict) and entitlements.get("get-task-allow") is True
    if said.get("ProvisionsAllDevices") is True:
        kind = "enterprise"
    elif devices is None:
        kind = "App Store"
    else:
        kind = "development" if develops else "ad hoc"
    expires = said.get("ExpirationDate")
    return {
        "kind": kind,
        "name": _text(said, "Name"),
        "team": _text(said, "TeamName"),
        "expires": expires.replace(tzinfo=UTC).isoformat() if isinstance(expires, datetime) else None,
        "devices": _texts(devices)[:_DEVICES],
    }


def _icon(archive: Zip, folder: str, info: dict[str, Any]) -> bytes:
    """The largest of those that Info.plist names; such as lie in Assets.car alone are not found."""
    names: set[str] = set()
    for key in ("CFBundleIcons", "CFBundleIcons~ipad"):
        table = info.get(key)
        primary = table.get("CFBundlePrimaryIcon") if isinstance(table, dict) else None
        names |= set(_texts(primary.get("CFBundleIconFiles"))) if isinstance(primary, dict) else set()
    names |= set(_texts(info.get("CFBundleIconFiles")))
    starts = tuple(folder + name.removesuffix(".png") for name in names if name)
    found = [one for one in archive.names if one.endswith(".png") and starts and one.startswith(starts)]
    for one in sorted((one for one in found if archive.size(one) <= LARGEST), key=archive.size, reverse=True)[:8]:
        try:
            if shown := icon(archive.read(one, LARGEST)):
                return shown
        except Unreadable:
            continue
    return b""
