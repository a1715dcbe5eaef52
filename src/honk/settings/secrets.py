"""Secrets from files: `NAME_FILE` names a file that holds what `NAME` would.

Files are how systemd's credentials, compose's secrets and Kubernetes hand out secrets. They are in no
process listing, and a child process does not inherit them.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from honk.errors import SettingsWrong, Usage

#: Variables that may come from a file.
SECRETS = (
    *("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "HONK_TOKEN", "HONK_DATABASE", "HONK_MAIL_PASSWORD"),
    *("SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_SIGNING_SECRET"),
    *("GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_CLIENT_SECRET", "GITHUB_WEBHOOK_SECRET", "HONK_GITHUB_TOKEN"),
    *("GITHUB_APP_ID", "GITHUB_APP_CLIENT_ID"),
    *("GITLAB_TOKEN", "GITLAB_WEBHOOK_TOKEN"),
)
#: Those of providers, whose names honk.toml chooses.
_PROVIDERS = re.compile(r"HONK_SIGN_IN_[A-Z][A-Z0-9_]*_SECRET_FILE")
#: A secret longer than this is some other file, named by mistake.
_LIMIT = 64 * 1024


def with_files(env: Mapping[str, str]) -> dict[str, str]:
    """The environment with every secret that a file holds. Raises Usage or SettingsWrong; never shows a content."""
    whole = dict(env)
    providers = [name.removesuffix("_FILE") for name in env if _PROVIDERS.fullmatch(name)]
    for name in (*SECRETS, *providers):
        place = whole.pop(f"{name}_FILE", "")
        if not place:
            continue
        if env.get(name):
            raise Usage(f"{name} and {name}_FILE are both set", "remove one of them")
        whole[name] = read_secret(Path(place), f"{name}_FILE")
    return whole


def read_secret(path: Path, name: str) -> str:
    """What the file holds; `name` says whose it is. Raises SettingsWrong; never shows a content."""
    try:
        with path.open(encoding="utf-8") as file:
            text = file.read(_LIMIT + 1)
    except UnicodeDecodeError:
        raise SettingsWrong(f"{name}: {path} is no UTF-8 text", "name the file that holds the secret") from None
    except OSError as exc:
        raise SettingsWrong(
            f"{name}: {path} cannot be read: {exc.strerror}", "make it readable for the user that runs Honk"
        ) from exc
    if len(text) > _LIMIT:
        raise SettingsWrong(f"{name}: {path} is too large for a secret", "name the file that holds the secret")
    if not text.strip():
        raise SettingsWrong(f"{name}: {path} is empty", "write the secret into it")
    return text.strip()
