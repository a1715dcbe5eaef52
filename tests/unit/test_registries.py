"""What the host's pip, uv and npm are configured with, as it is shown to a sandbox."""

from pathlib import Path

import pytest

from honk.adapters.registries import discover
from honk.adapters.registries.discover import DEFAULT_HOSTS
from honk.ports import Registries


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("etc/xdg/pip", "home/.config/pip", "home/.config/uv", "srv/wheels", "srv/pypi/simple"):
        (tmp_path / name).mkdir(parents=True)
    return tmp_path


def found(root: Path, **environ: str) -> Registries:
    return discover({"XDG_CONFIG_DIRS": str(root / "etc/xdg"), **environ}, home=root / "home", root=root)


def test_nothing_configured(root: Path) -> None:
    registries = found(root)
    assert registries.hosts == DEFAULT_HOSTS and registries.mounts == () and registries.refusals == ()
    assert not {name for name in registries.environment if "INDEX" in name or "REGISTRY" in name.upper()}


def test_local_folders_are_bound_and_their_addresses_rewritten(root: Path) -> None:
    config = f"[global]\nfind-links = {root}/srv/wheels\nextra-index-url = file://{root}/srv/pypi/simple\n  https://mirror.example:8443/x\n"
    (root / "home/.config/pip/pip.conf").write_text(config)
    registries = found(root)
    assert {(mount.source, mount.target, mount.writable) for mount in registries.mounts} == {
        (root / "srv/pypi", "/honk/index/0", False),
        (root / "srv/wheels", "/honk/index/1", False),
    }
    assert registries.environment["PIP_FIND_LINKS"] == "/honk/index/1"
    assert registries.environment["PIP_EXTRA_INDEX_URL"] == "file:///honk/index/0/simple https://mirror.example:8443/x"
    assert registries.environment["UV_INDEX"] == registries.environment["PIP_EXTRA_INDEX_URL"]
    assert "mirror.example:8443" in registries.hosts


def test_variables_win_over_files_and_install_over_global(root: Path) -> None:
    (root / "etc/pip.conf").write_text(
        "[global]\nindex-url = https://one.example/\n[install]\nindex-url = https://two.example/\n"
    )
    assert found(root).environment["PIP_INDEX_URL"] == "https://two.example/"
    assert found(root, PIP_INDEX_URL="https://three.example/").environment["PIP_INDEX_URL"] == "https://three.example/"


@pytest.mark.parametrize("name", ["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "npm_config_registry"])
def test_credentials_in_an_address_are_refused_and_stay_outside(root: Path, name: str) -> None:
    registries = found(root, **{name: "https://me:c4nary@private.example/simple"})
    assert len(registries.refusals) == 1 and "private.example" in registries.refusals[0]
    assert "c4nary" not in repr(registries) and "private.example" not in registries.hosts


def test_tokens_of_npm_are_never_taken_in(root: Path) -> None:
    lines = "registry=https://npm.example/\n//npm.example/:_authToken=c4nary\n@acme:registry=https://${HOST}/npm/\n_auth=c4nary\n"
    (root / "home/.npmrc").write_text(lines)
    registries = found(root, HOST="acme.example")
    assert "c4nary" not in repr(registries)
    assert registries.environment["npm_config_registry"] == "https://npm.example/"
    assert registries.environment["npm_config_@acme:registry"] == "https://acme.example/npm/"
    assert {"npm.example", "acme.example"} <= set(registries.hosts)


def test_the_bundle_of_authorities(root: Path) -> None:
    bundle, extra = root / "ca.crt", root / "node.crt"
    bundle.write_text("x")
    extra.write_text("y")
    registries = found(root, SSL_CERT_FILE=str(bundle), NODE_EXTRA_CA_CERTS=str(extra))
    assert [(mount.source, mount.target) for mount in registries.mounts] == [
        (bundle, "/honk/ca.pem"),
        (extra, "/honk/ca-node.pem"),
    ]
    for name in ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "npm_config_cafile"):
        assert registries.environment[name] == "/honk/ca.pem"
    assert registries.environment["NODE_EXTRA_CA_CERTS"] == "/honk/ca-node.pem"


def test_uv_in_its_own_words(root: Path) -> None:
    text = '[[index]]\nurl = "https://a.example/simple"\ndefault = true\n[[index]]\nurl = "https://b.example/simple"\n'
    (root / "home/.config/uv/uv.toml").write_text(text)
    environment = found(root).environment
    assert environment["UV_DEFAULT_INDEX"] == "https://a.example/simple"
    assert environment["UV_INDEX"] == "https://b.example/simple"
    assert found(root, UV_INDEX="named=https://c.example/").environment["UV_INDEX"] == "https://c.example/"


def test_files_that_cannot_be_read_count_as_absent(root: Path) -> None:
    (root / "home/.config/pip/pip.conf").write_text("no section\n")
    (root / "home/.config/uv/uv.toml").write_text("= broken")
    assert found(root, PIP_FIND_LINKS=f"{root}/nowhere relative").mounts == ()
