"""What is set, for people to see: each key of honk.toml with its value and where it comes from; no secret."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import sqlalchemy as sa
from pydantic import BaseModel

from honk.domain.text import Secret
from honk.doors.web.settings_page import SettingShown
from honk.settings import Settings
from honk.settings.file import File, read
from honk.settings.sign_in import secret_variable

#: what has pages of its own, and follows the file while it is edited; and channels, whose options may be secret
_ELSEWHERE = frozenset({"people", "teams", "roles", "repositories", "channels"})
_SET, _DEFAULT, _FILE, _ENVIRONMENT = "is set, and not shown", "default", "honk.toml", "the environment"


def shown_settings(settings: Settings) -> tuple[SettingShown, ...]:
    """In the order of the file; then what only the environment says."""
    written = read(settings.path, wanted=False)
    return (*_keys(settings.file, written), *_environment(settings))


def _keys(file: File, written: File) -> Iterator[SettingShown]:
    plain = [(name, value) for name, value in file if not isinstance(value, BaseModel) and name not in _ELSEWHERE]
    for name, value in plain:
        shown = _address(value) if name == "database" else _words(value)
        yield SettingShown(section="", name=name, value=shown, origin=_origin(name, value, written))
    for section, values in file:
        if isinstance(values, BaseModel):
            for name, value in values:
                origin = _origin(name, value, getattr(written, section))
                yield SettingShown(section=section, name=name, value=_words(value), origin=origin)


def _origin(name: str, value: object, written: BaseModel) -> str:
    """A value that is neither the file's nor the default was given by the environment."""
    if value != getattr(written, name):
        return _ENVIRONMENT
    return _FILE if name in written.model_fields_set else _DEFAULT


def _environment(settings: Settings) -> Iterator[SettingShown]:
    secrets: Mapping[str, object] = {
        "ANTHROPIC_API_KEY": settings.api_key,
        "ANTHROPIC_AUTH_TOKEN": settings.auth_token,
        "SLACK_BOT_TOKEN": settings.slack_bot_token,
        "SLACK_APP_TOKEN": settings.slack_app_token,
        "SLACK_SIGNING_SECRET": settings.slack_signing_secret,
        "HONK_MAIL_PASSWORD": settings.mail_password,
        "what lets Honk into GitHub": settings.github.opens,
        "what lets Honk into GitLab": settings.gitlab.api,
        **{secret_variable(name): settings.sign_in_secrets.get(name) for name in settings.file.sign_in},
    }
    places: Mapping[str, Path] = {"HONK_HOME": settings.home, "HONK_CONFIG": settings.path}
    for name, place in places.items():
        yield SettingShown(section="environment", name=name, value=str(place), origin="")
    for name, secret in secrets.items():
        yield SettingShown(section="environment", name=name, value=_SET if secret else "is not set", origin="")


def _address(value: object) -> str:
    """Of a database, without its password."""
    if not value:
        return ""
    try:
        # whatever follows the address's question mark may hold a password as well
        return sa.make_url(str(value)).set(query={}).render_as_string(hide_password=True)
    except sa.exc.ArgumentError:
        return _SET


def _words(value: object) -> str:
    match value:
        case Secret():
            return _SET if value else ""
        case bool():
            return "true" if value else "false"
        case str() | int() | float() | Path() | None:
            return "" if value is None else str(value)
        case Mapping():
            return ", ".join(f"{name} = {_words(one)}" for name, one in value.items())
        case Sequence() | frozenset() | set():
            return ", ".join(_words(one) for one in value)
        case BaseModel():
            return ", ".join(f"{name} = {_words(one)}" for name, one in value)
    return str(value)
