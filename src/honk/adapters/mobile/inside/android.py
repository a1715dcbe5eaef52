"""An .apk: its manifest, the resources that it points to, its icon and who signed it."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from . import arsc, axml, signing
from .elements import Element, Reference
from .pictures import LARGEST, icon
from .unreadable import Unreadable
from .zips import Zip

MANIFEST = "AndroidManifest.xml"
MANIFEST_LIMIT = 8 << 20
TABLE_LIMIT = 64 << 20
#: Beyond these are densities without a number, such as "any".
_DENSITIES = 1000
_PERMISSIONS = 500


def apk(file: Path, archive: Zip) -> tuple[dict[str, Any], bytes]:
    """What is known of it, and its icon."""
    elements = list(axml.elements(archive.read(MANIFEST, MANIFEST_LIMIT)))
    table = None
    if archive.has("resources.arsc"):
        table = arsc.Table(archive.read("resources.arsc", TABLE_LIMIT))
    application = _one(elements, "application")

    def words(element: Element, name: str) -> str:
        value = element.attributes.get(name, "")
        if not isinstance(value, Reference):
            return str(value)
        return _default(table.find(value)) if table else ""

    signer, schemes = signing.signer(file, archive)
    facts = {**facts_of(elements, words), "form": "apk", "signer": signer, "schemes": schemes}
    pointed = application.attributes.get("icon")
    found = table.find(pointed) if table and isinstance(pointed, Reference) else []
    return facts, _drawn(archive, found)


def facts_of(elements: Sequence[Element], words: Any) -> dict[str, Any]:
    """What a manifest says, whichever way it is written down. `words` is an attribute in words."""
    manifest, application = _one(elements, "manifest"), _one(elements, "application")
    uses = next((one for one in elements if one.name == "uses-sdk"), Element("uses-sdk", 2))
    code = words(manifest, "versionCode")
    if (major := words(manifest, "versionCodeMajor")).isdigit() and code.isdigit():
        code = str(int(major) << 32 | int(code))
    asked = [one.text("name") for one in elements if one.name in {"uses-permission", "uses-permission-sdk-23"}]
    return {
        "id": manifest.text("package"),
        "name": words(application, "label"),
        "version": words(manifest, "versionName"),
        "number": code,
        "minimum": words(uses, "minSdkVersion"),
        "target": words(uses, "targetSdkVersion"),
        "permissions": [one for one in dict.fromkeys(asked) if one][:_PERMISSIONS],
        "debuggable": words(application, "debuggable") == "true",
        "split": manifest.text("split"),
    }


def _one(elements: Iterable[Element], name: str) -> Element:
    depth = {"manifest": 1, "application": 2}[name]
    found = next((one for one in elements if one.name == name and one.depth == depth), None)
    if found is None:
        raise Unreadable(f"its manifest has no <{name}>")
    return found


def _default(found: list[arsc.Found]) -> str:
    """The text for everybody; else the English one; else any."""
    order = {"": 0, "en": 1}
    return min(found, key=lambda one: order.get(one.language, 2)).text if found else ""


def _drawn(archive: Zip, found: list[arsc.Found]) -> bytes:
    """The picture of the highest density; an icon that is only drawn by lines (XML) has none."""
    pictures = [one for one in found if one.density <= _DENSITIES and one.text.endswith((".png", ".webp"))]
    for one in sorted(pictures, key=lambda one: -one.density)[:8]:
        if archive.has(one.text) and (shown := _shown(archive, one.text)):
            return shown
    return b""


def _shown(archive: Zip, name: str) -> bytes:
    try:
        return icon(archive.read(name, LARGEST))
    except Unreadable:
        return b""
