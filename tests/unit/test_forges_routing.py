"""Each repository's own forge is asked, with what was said, for everything that the ports have."""

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from honk.domain.repository import Repository
from honk.domain.text import Secret
from honk.ports import Ci, Credential, Deployer, Forge
from honk.wiring.forges import RoutedCi, RoutedCredentials, RoutedDeployer, RoutedForge, Site, Sites

pytestmark = pytest.mark.anyio


def at(url: str) -> Repository:
    return Repository(url=url, name="app", key=url.replace("/", "_"))


HUB, LAB, HERE = at("https://github.com/acme/app"), at("https://gitlab.com/acme/app"), at("/srv/app")


class Recorded:
    """Anything that is asked of it is written down, and answered with its name."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.asked: list[tuple[str, tuple[object, ...], dict[str, object]]] = []

    def __getattr__(self, method: str) -> Callable[..., Any]:
        async def answer(*given: object, **named: object) -> str:
            self.asked.append((method, given, named))
            return self.name

        return answer


def methods(port: type) -> list[str]:
    return sorted(name for name, _ in inspect.getmembers(port, inspect.isfunction) if not name.startswith("_"))


def has(part: str) -> Callable[[Repository], bool]:
    return lambda repository: part in repository.url


def routed(port: type) -> tuple[Any, dict[str, Any]]:
    each: dict[str, Any] = {name: Recorded(name) for name in ("hub", "lab", "here")}
    sites = Sites(
        [
            Site(has=has("github"), forge=each["hub"], ci=each["hub"], deployer=each["hub"]),
            Site(has=has("gitlab"), forge=each["lab"], ci=each["lab"], deployer=each["lab"]),
        ],
        each["here"],
    )
    return {Forge: RoutedForge, Ci: RoutedCi, Deployer: RoutedDeployer}[port](sites), each


@pytest.mark.parametrize(("port", "method"), [(port, one) for port in (Forge, Ci, Deployer) for one in methods(port)])
async def test_everything_is_handed_on_as_it_came(port: type, method: str) -> None:
    router, each = routed(port)
    for repository, name in ((HUB, "hub"), (LAB, "lab"), (HERE, "here")):
        if name == "here" and port is not Forge:
            continue
        given: list[object] = []
        named: dict[str, object] = {}
        for word in list(inspect.signature(getattr(port, method)).parameters.values())[2:]:
            value = f"{method}-{word.name}"
            if word.kind is inspect.Parameter.KEYWORD_ONLY:
                named[word.name] = value
            else:
                given.append(value)
        said = await getattr(router, method)(repository, *given, **named)
        assert each[name].asked == [(method, (repository, *given), named)]
        assert said == (name if said is not None else None)
        each[name].asked.clear()
    assert all(one.asked == [] for one in each.values())


async def test_elsewhere_nothing_is_watched_and_nothing_deployed() -> None:
    ci, _ = routed(Ci)
    assert await ci.watches(HERE) is False and await ci.required(HERE, "main") == ()


class Lender:
    """Credentials of one server."""

    def __init__(self, part: str) -> None:
        self.part = part
        self.back: list[Credential] = []

    async def lent(self, repository: Repository, *, writes: bool) -> Credential | None:
        if self.part not in repository.url:
            return None
        return Credential(origin=f"https://{self.part}.com", username="x", password=Secret(f"{self.part}-{writes}"))

    async def returned(self, credential: Credential) -> None:
        self.back.append(credential)


async def test_a_credential_goes_back_to_whoever_lent_it() -> None:
    hub, lab = Lender("github"), Lender("gitlab")
    both = RoutedCredentials([hub, lab])
    assert await both.lent(HERE, writes=True) is None
    mine, other = await both.lent(HUB, writes=False), await both.lent(LAB, writes=True)
    assert mine is not None and other is not None and other.password.reveal() == "gitlab-True"
    for one in (other, mine, mine):
        await both.returned(one)
    assert (hub.back, lab.back) == ([mine], [other]), "once each"
