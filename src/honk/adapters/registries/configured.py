"""The configuration files and variables of pip, uv and npm, reduced to what leads to packages."""

import configparser
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True, slots=True)
class Pip:
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()
    trusted_hosts: tuple[str, ...] = ()
    certificates: str = ""
    timeout: str = ""
    no_index: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Uv:
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    find_links: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Npm:
    registry: str = ""
    scopes: Mapping[str, str] = field(default_factory=dict)
    certificates: str = ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def read_pip(environ: Mapping[str, str], *, home: Path, root: Path) -> Pip:
    """Later files win over earlier ones, `install` over `global`, variables over files: pip's own order."""
    values: dict[str, str] = {}
    if environ.get("PIP_CONFIG_FILE") != os.devnull:
        for path in _pip_files(environ, home, root):
            parser = configparser.RawConfigParser(strict=False)
            try:
                parser.read_string(_text(path))
            except configparser.Error:
                continue
            for section in ("global", "install"):
                if parser.has_section(section):
                    values |= {key.replace("_", "-"): value for key, value in parser.items(section)}
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            values[name[4:].lower().replace("_", "-")] = value
    return Pip(
        index_url=values.get("index-url", "").strip(),
        extra_index_urls=tuple(values.get("extra-index-url", "").split()),
        find_links=tuple(values.get("find-links", "").split()),
        trusted_hosts=tuple(values.get("trusted-host", "").split()),
        certificates=values.get("cert", "").strip(),
        timeout=values.get("timeout", values.get("default-timeout", "")).strip(),
        no_index=values.get("no-index", "").strip().lower() in {"1", "true", "yes", "on"},
    )


def _pip_files(environ: Mapping[str, str], home: Path, root: Path) -> Iterable[Path]:
    for folder in environ.get("XDG_CONFIG_DIRS", str(root / "etc/xdg")).split(":"):
        yield Path(folder) / "pip/pip.conf"
    yield root / "etc/pip.conf"
    yield home / ".pip/pip.conf"
    yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip/pip.conf"
    if environ.get("VIRTUAL_ENV"):
        yield Path(environ["VIRTUAL_ENV"]) / "pip.conf"
    if environ.get("PIP_CONFIG_FILE"):
        yield Path(environ["PIP_CONFIG_FILE"])


def read_uv(environ: Mapping[str, str], *, home: Path, root: Path) -> Uv:
    index = ""
    extra: list[str] = []
    links: list[str] = []
    for path in (
        root / "etc/uv/uv.toml",
        Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "uv/uv.toml",
        Path(environ.get("UV_CONFIG_FILE") or "/nonexistent"),
    ):
        try:
            table = tomllib.loads(_text(path))
        except tomllib.TOMLDecodeError:
            continue
        indexes = [one for one in table.get("index", []) if isinstance(one, dict) and one.get("url")]
        index = next((str(one["url"]) for one in indexes if one.get("default")), _string(table, "index-url") or index)
        extra = [str(one["url"]) for one in indexes if not one.get("default")] + _strings(
            table, "extra-index-url"
        ) or extra
        links = _strings(table, "find-links") or links
    index = environ.get("UV_DEFAULT_INDEX") or environ.get("UV_INDEX_URL") or index
    named = environ.get("UV_INDEX", "").split() + environ.get("UV_EXTRA_INDEX_URL", "").split()
    return Uv(
        index_url=_unnamed(index),
        extra_index_urls=tuple(_unnamed(one) for one in named or extra),
        find_links=tuple(
            re.split(r"[,\s]+", environ["UV_FIND_LINKS"].strip()) if environ.get("UV_FIND_LINKS") else links
        ),
    )


def _unnamed(index: str) -> str:
    """uv lets an index be written `name=address`."""
    return re.sub(r"^[\w.-]+=", "", index)


def _string(table: Mapping[str, Any], key: str) -> str:
    value = table.get(key)
    return value if isinstance(value, str) else ""


def _strings(table: Mapping[str, Any], key: str) -> list[str]:
    value = table.get(key)
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def read_npm(environ: Mapping[str, str], *, home: Path, root: Path) -> Npm:
    values: dict[str, str] = {}
    user = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig") or home / ".npmrc"
    shared = environ.get("NPM_CONFIG_GLOBALCONFIG") or environ.get("npm_config_globalconfig")
    for path in (root / "etc/npmrc", root / "usr/etc/npmrc", root / "usr/local/etc/npmrc", shared, user):
        if path:
            values |= _npmrc(_text(Path(path)), environ)
    for name, value in environ.items():
        if name.lower().startswith("npm_config_") and value:
            values[name[11:].lower().replace("_", "-")] = value
    return Npm(
        registry=values.get("registry", ""),
        scopes={
            key.removesuffix(":registry"): value
            for key, value in values.items()
            if key.startswith("@") and key.endswith(":registry")
        },
        certificates=values.get("cafile", ""),
    )


def _npmrc(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """Lines about registries and certificates only: tokens are never taken in."""
    values = {}
    for line in text.splitlines():
        key, separator, value = line.partition("=")
        key, value = key.strip(), value.strip().strip("\"'")
        if separator and (key in {"registry", "cafile"} or (key.startswith("@") and key.endswith(":registry"))):
            values[key] = re.sub(r"\$\{([^}]+)\}", lambda match: environ.get(match[1], ""), value)
    return values
