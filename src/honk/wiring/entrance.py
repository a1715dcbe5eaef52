"""Who says who people are, as the settings say."""

import ssl
from collections.abc import Iterator
from functools import partial

import httpx

from honk.domain.text import Secret
from honk.service.entering import Known
from honk.settings import Settings
from honk.settings.sign_in import GITHUB, SLACK, SLACK_ISSUER, SignInSettings
from honk.wiring.place import now


def providers_of(settings: Settings) -> dict[str, Known]:
    """By their names, in the order of the file. Nothing is asked yet."""
    return {one.name: one for one in _providers(settings)}


def _providers(settings: Settings) -> Iterator[Known]:
    if not settings.file.sign_in:
        return
    from honk.adapters.openid import GithubWay, OpenId

    # what is trusted is read when somebody signs in, and not before
    client = partial(_client, settings)
    for name, one in settings.file.sign_in.items():
        secret = settings.sign_in_secrets.get(name, Secret(""))
        provider: GithubWay | OpenId
        if name == GITHUB:
            provider = GithubWay(
                client_id=one.client_id,
                client_secret=secret,
                web_url=settings.file.github.web_url,
                api_url=settings.file.github.api,
                client=client,
                mail=_by_mail(one, settings),
                organisations=frozenset(one.organisations),
            )
        else:
            provider = OpenId(
                name=name,
                issuer=SLACK_ISSUER if name == SLACK else one.issuer,
                client_id=one.client_id,
                client_secret=secret,
                client=client,
                clock=now,
                slack=name == SLACK,
                workspaces=frozenset(one.organisations if name == SLACK else ()),
                mail_is_verified=one.mail_is_verified,
            )
        yield Known(name=name, title=one.shown(name), provider=provider, admits=one.admits())


def _by_mail(one: SignInSettings, settings: Settings) -> bool:
    """Whether an address decides about anybody: else GitHub is not asked for it."""
    named = (*one.identities, *(each for person in settings.file.people.values() for each in person.identities))
    return bool(one.mail_domains) or any(each.kind == "mail" for each in named)


def _client(settings: Settings) -> httpx.AsyncClient:
    if settings.ca_bundle is None:
        return httpx.AsyncClient()
    return httpx.AsyncClient(verify=ssl.create_default_context(cafile=str(settings.ca_bundle)))
