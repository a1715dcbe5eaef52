"""What the host's own pip, uv and npm are configured with, as a sandbox can use it.

Local folders are bound read-only below `/honk/index/` and the addresses rewritten; the bundle of
certificate authorities is bound at `/honk/ca.pem`; hosts join the broker's allow-list. A
credential never goes inside: an index that carries one in its address is refused with a sentence,
and npm's tokens are not read.

Formats: https://pip.pypa.io/en/stable/topics/configuration/, https://docs.astral.sh/uv/reference/settings/,
https://docs.npmjs.com/cli/configuring-npm/npmrc
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from honk.adapters.registries.configured import Npm, Pip, Uv, read_npm, read_pip, read_uv
from honk.ports import Mount, Registries

#: What pip, npm and yarn use when nothing is configured.
DEFAULT_HOSTS = ("pypi.org", "files.pythonhosted.org", "registry.npmjs.org", "registry.yarnpkg.com")
CA_INSIDE = "/honk/ca.pem"
NODE_CA_INSIDE = "/honk/ca-node.pem"
INDEX_INSIDE = "/honk/index"
_SYSTEM_BUNDLES = ("etc/ssl/certs/ca-certificates.crt", "etc/pki/tls/certs/ca-bundle.crt", "etc/ssl/cert.pem")


def discover(environ: Mapping[str, str], *, home: Path, root: Path = Path("/")) -> Registries:
    """Reads the configuration files below `home` and `root` and these variables. Unreadable files count as absent."""
    pip = read_pip(environ, home=home, root=root)
    npm = read_npm(environ, home=home, root=root)
    found = _Found()
    _use_pip(found, pip)
    _use_uv(found, read_uv(environ, home=home, root=root), pip)
    _use_npm(found, npm)
    _use_certificates(found, environ, pip, npm, root)
    return Registries(
        hosts=tuple(dict.fromkeys((*DEFAULT_HOSTS, *found.hosts))),
        mounts=tuple(found.mounts),
        environment=dict(found.environment),
        refusals=tuple(dict.fromkeys(found.refusals)),
    )


@dataclass
class _Found:
    hosts: list[str] = field(default_factory=list)
    mounts: list[Mount] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    def inside(self, address: str, what: str, *, index: bool) -> str | None:
        """The address as it works inside; None when it cannot be used there."""
        parts = urlsplit(address)
        if parts.scheme in ("http", "https"):
            return self._remote(address, what)
        if parts.scheme == "file":
            return self._local(Path(unquote(parts.path)), as_url=True, index=index)
        if parts.scheme and "://" in address:
            self.refusals.append(f"{what}: addresses that begin with {parts.scheme}:// cannot be used in a sandbox")
            return None
        return self._local(Path(address), as_url=index, index=index)

    def _remote(self, address: str, what: str) -> str | None:
        parts = urlsplit(address)
        host = parts.hostname or ""
        if parts.username or parts.password:
            self.refusals.append(
                f"{what}: the address of {host} holds credentials, and no secret may enter a sandbox; "
                f"use an address without them (a mirror or proxy that needs none)"
            )
            return None
        self.hosts.append(f"{host}:{parts.port}" if parts.port else host)
        return urlunsplit(parts)

    def _local(self, path: Path, *, as_url: bool, index: bool) -> str | None:
        if not path.is_absolute() or not path.exists():
            return None
        # An index links to files beside it ("../../files/..."), so its parent is needed too.
        folder = path.parent if path.is_file() or (index and path.name == "simple") else path
        inner = path.relative_to(folder)
        known = next((mount.target for mount in self.mounts if mount.source == folder), None)
        target = known or f"{INDEX_INSIDE}/{len(self.mounts)}"
        if known is None:
            self.mounts.append(Mount(source=folder, target=target))
        result = target if inner == Path() else f"{target}/{inner}"
        return f"file://{result}" if as_url else result

    def all_inside(self, addresses: Iterable[str], what: str, *, index: bool) -> list[str]:
        converted = (self.inside(address, what, index=index) for address in addresses)
        return [address for address in converted if address is not None]

    def set(self, name: str, value: str | None) -> None:
        if value:
            self.environment[name] = value


def _use_pip(found: _Found, pip: Pip) -> None:
    # Configuration files do not exist inside, so that everything travels as variables.
    found.set("PIP_INDEX_URL", found.inside(pip.index_url, "pip's index-url", index=True) if pip.index_url else None)
    found.set(
        "PIP_EXTRA_INDEX_URL", " ".join(found.all_inside(pip.extra_index_urls, "pip's extra-index-url", index=True))
    )
    found.set("PIP_FIND_LINKS", " ".join(found.all_inside(pip.find_links, "pip's find-links", index=False)))
    found.set("PIP_TRUSTED_HOST", " ".join(pip.trusted_hosts))
    found.set("PIP_DEFAULT_TIMEOUT", pip.timeout)
    found.set("PIP_NO_INDEX", "1" if pip.no_index else "")
    found.environment |= {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_PROGRESS_BAR": "off"}


def _use_uv(found: _Found, uv: Uv, pip: Pip) -> None:
    """uv has no eyes for pip's configuration; where its own is silent it gets pip's."""
    default = uv.index_url or pip.index_url
    whose = "uv's default index" if uv.index_url else "pip's index-url"
    found.set("UV_DEFAULT_INDEX", found.inside(default, whose, index=True) if default else None)
    extra = uv.extra_index_urls or pip.extra_index_urls
    found.set(
        "UV_INDEX",
        " ".join(found.all_inside(extra, "uv's index" if uv.extra_index_urls else "pip's extra-index-url", index=True)),
    )
    links = uv.find_links or pip.find_links
    found.set(
        "UV_FIND_LINKS",
        ",".join(found.all_inside(links, "uv's find-links" if uv.find_links else "pip's find-links", index=False)),
    )
    if len(extra) > 1 or (extra and default is None):
        # pip takes the best version of all indexes; uv's own default takes the first index that knows the name.
        found.set("UV_INDEX_STRATEGY", "unsafe-best-match")
    found.environment |= {"UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}


def _use_npm(found: _Found, npm: Npm) -> None:
    if npm.registry:
        address = found.inside(npm.registry, "npm's registry", index=False)
        found.set("npm_config_registry", address)
        found.set("YARN_NPM_REGISTRY_SERVER", address)
    for scope, address in npm.scopes.items():
        found.set(f"npm_config_{scope}:registry", found.inside(address, f"npm's registry for {scope}", index=False))
    found.environment |= {
        "npm_config_audit": "false",
        "npm_config_fund": "false",
        "npm_config_update_notifier": "false",
    }


def _use_certificates(found: _Found, environ: Mapping[str, str], pip: Pip, npm: Npm, root: Path) -> None:
    named = [environ.get(name, "") for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")]
    bundle = _first_file([*named, pip.certificates, *(str(root / name) for name in _SYSTEM_BUNDLES)])
    if bundle is not None:
        found.mounts.append(Mount(source=bundle, target=CA_INSIDE))
        for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"):
            found.environment[name] = CA_INSIDE
    # Node adds this to the authorities it brings; npm's cafile takes their place, so only a whole bundle may be one.
    extra = _first_file([environ.get("NODE_EXTRA_CA_CERTS", ""), npm.certificates]) or bundle
    if extra is not None:
        target = CA_INSIDE if extra == bundle else NODE_CA_INSIDE
        if target == NODE_CA_INSIDE:
            found.mounts.append(Mount(source=extra, target=target))
        found.environment["NODE_EXTRA_CA_CERTS"] = target
        if bundle is not None:
            found.environment["npm_config_cafile"] = target if npm.certificates else CA_INSIDE


def _first_file(names: Iterable[str]) -> Path | None:
    for name in names:
        if name and Path(name).is_file() and os.access(name, os.R_OK):
            return Path(name).resolve()
    return None
