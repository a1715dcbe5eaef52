"""Everything that can be set: `honk.toml` and the environment, read once.

This is the only module that reads the environment. The file is looked for at `$HONK_CONFIG`, then at
`$HONK_HOME/honk.toml`; without it every setting has its default. docs/reference/settings.md lists them.
"""

import getpass
import os
import re
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import ConfigDict, Field

from honk.domain.text import Secret
from honk.settings.file import File, Section, address_of, read
from honk.settings.github import GithubAccess
from honk.settings.gitlab import GitlabTokens
from honk.settings.secrets import with_files
from honk.settings.sign_in import secrets_of
from honk.settings.slack import SlackTokens
from honk.settings.telemetry import headers, with_environment

#: Variables that git, ssh and their credential helpers need to reach a remote as the operator would.
_REMOTE_VARIABLES = (
    *("HOME", "PATH", "USER", "LOGNAME", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"),
    *("GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_ASKPASS", "SSH_ASKPASS", "GIT_SSH_COMMAND", "GIT_SSH"),
    *("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "no_proxy", "all_proxy"),
    *("DBUS_SESSION_BUS_ADDRESS", "GNUPGHOME", "TERM"),
)
#: What of the environment tells where packages come from.
_REGISTRY_VARIABLE = re.compile(
    r"^(PIP_|UV_|npm_config_|NPM_CONFIG_|YARN_|SSL_CERT_|REQUESTS_CA_|NODE_EXTRA_CA_|CURL_CA_|HOME$|XDG_CONFIG_)"
)

#: What lets Honk itself in somewhere, and no command of a worker.
_LETS_IN = re.compile(r"^(HONK_|ANTHROPIC_|SLACK_)")


class Settings(Section):
    """One frozen object; each part of Honk receives its slice."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    home: Path
    #: the file that was read, or would be
    path: Path
    file: File = File()
    api_key: Secret = Secret("")
    auth_token: Secret = Secret("")
    #: environment for talking to remotes
    remote_environment: dict[str, str] = Field(default_factory=dict)
    #: environment that configures pip, uv and npm
    registry_environment: dict[str, str] = Field(default_factory=dict)
    user: str = "user"
    #: proxy through which the model is reached, where the host needs one
    model_proxy: Secret = Secret("")
    #: bundle of certificate authorities that this host trusts in place of the usual ones
    ca_bundle: Path | None = None
    #: what goes along with every request to the collector of traces
    otlp_headers: dict[str, Secret] = Field(default_factory=dict)
    #: "xoxb-…": what Honk does in Slack
    slack_bot_token: Secret = Secret("")
    #: "xapp-…": opens the connection in mode "socket"
    slack_app_token: Secret = Secret("")
    #: what Slack signs its requests with in mode "http"
    slack_signing_secret: Secret = Secret("")
    #: of `mail_user` at the mail server
    mail_password: Secret = Secret("")
    #: for commands that a labelled worker runs with its own rights: without anything that lets Honk in somewhere
    worker_environment: dict[str, str] = Field(default_factory=dict, repr=False)
    #: what lets Honk into GitHub
    github: GithubAccess = GithubAccess()
    #: what lets Honk into GitLab, and GitLab's events into Honk
    gitlab: GitlabTokens = GitlabTokens()
    #: of the providers of [sign_in], by their names
    sign_in_secrets: dict[str, Secret] = Field(default_factory=dict)

    @property
    def has_key(self) -> bool:
        """Whether the real model can be called."""
        return bool(self.api_key) or bool(self.auth_token)

    @property
    def has_slack(self) -> bool:
        """Whether everything is set that opens Slack."""
        return self.file.slack.enabled and not self.slack_missing

    def with_slack(self, environ: Mapping[str, str]) -> "Settings":
        """The same with these variables' tokens. Raises SettingsWrong for one in the wrong place."""
        held = {
            "SLACK_BOT_TOKEN": self.slack_bot_token.reveal(),
            "SLACK_APP_TOKEN": self.slack_app_token.reveal(),
            "SLACK_SIGNING_SECRET": self.slack_signing_secret.reveal(),
        }
        slack = SlackTokens.of({**held, **environ}, self.file.slack)
        tokens = {
            "slack_bot_token": slack.bot,
            "slack_app_token": slack.app,
            "slack_signing_secret": slack.signing,
        }
        return self.model_copy(update=tokens)

    @property
    def slack_missing(self) -> tuple[str, ...]:
        """The variables that Slack needs in its mode and that are not set."""
        if self.file.slack.mode == "socket":
            second = ("SLACK_APP_TOKEN", self.slack_app_token)
        else:
            second = ("SLACK_SIGNING_SECRET", self.slack_signing_secret)
        return tuple(name for name, value in (("SLACK_BOT_TOKEN", self.slack_bot_token), second) if not value)

    @property
    def has_github(self) -> bool:
        """Whether Honk gets into GitHub."""
        return self.file.github.enabled and self.github.opens

    @property
    def has_gitlab(self) -> bool:
        """Whether Honk gets into GitLab."""
        return self.file.gitlab.enabled and bool(self.gitlab.api)

    @property
    def database(self) -> str:
        """SQLAlchemy's URL of the store; it may hold a password."""
        return self.file.database or f"sqlite:///{self.home / 'honk.db'}"

    @property
    def journal(self) -> Path | str:
        """Where the journal is: a file, or the same database as the store."""
        return self.file.database or self.home / "journal.db"

    @staticmethod
    def locate(environ: Mapping[str, str] | None = None) -> Path:
        """Where honk.toml is, or would be."""
        env = dict(os.environ) if environ is None else dict(environ)
        return Path(env["HONK_CONFIG"]).absolute() if env.get("HONK_CONFIG") else _home(env) / "honk.toml"

    @staticmethod
    def load(environ: Mapping[str, str] | None = None) -> "Settings":
        """Reads file and environment. Raises SettingsWrong naming file and line, or Usage."""
        env = with_files(os.environ if environ is None else environ)
        home = _home(env)
        path = Settings.locate(env)
        file = read(path, wanted="HONK_CONFIG" in env)
        if env.get("ANTHROPIC_BASE_URL"):
            file = file.model_copy(
                update={"model": file.model.model_copy(update={"base_url": env["ANTHROPIC_BASE_URL"]})}
            )
        if env.get("HONK_DATABASE"):
            file = file.model_copy(update={"database": address_of(env["HONK_DATABASE"])})
        file = file.model_copy(update={"telemetry": with_environment(file.telemetry, env)})
        slack = SlackTokens.of(env, file.slack)
        return Settings(
            home=home,
            path=path,
            file=file,
            api_key=Secret(env.get("ANTHROPIC_API_KEY", "").strip()),
            auth_token=Secret(env.get("ANTHROPIC_AUTH_TOKEN", "").strip()),
            remote_environment={name: env[name] for name in _REMOTE_VARIABLES if name in env},
            registry_environment={name: value for name, value in env.items() if _REGISTRY_VARIABLE.match(name)},
            worker_environment={name: value for name, value in env.items() if not _LETS_IN.match(name)},
            user=_user(env),
            model_proxy=Secret(_proxy(env, file.model.base_url)),
            ca_bundle=_ca_bundle(env),
            otlp_headers=headers(env),
            slack_bot_token=slack.bot,
            slack_app_token=slack.app,
            slack_signing_secret=slack.signing,
            mail_password=Secret(env.get("HONK_MAIL_PASSWORD", "").strip()),
            github=GithubAccess.of(env, file.github, home),
            gitlab=GitlabTokens.of(env, file.gitlab),
            sign_in_secrets=secrets_of(env, file.sign_in),
        )


def _home(env: Mapping[str, str]) -> Path:
    if env.get("HONK_HOME"):
        return Path(env["HONK_HOME"]).expanduser().absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/honk")
    return Path(platformdirs.user_data_dir("honk"))


def _user(env: Mapping[str, str]) -> str:
    try:
        return env.get("GIT_AUTHOR_NAME") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def _proxy(env: Mapping[str, str], base_url: str) -> str:
    """The operator's proxy for the model's address, by the usual variables."""
    host = re.sub(r"^https?://([^/:]+).*", r"\1", base_url)
    if host in {"127.0.0.1", "localhost", "::1", "[::1]"}:
        return ""
    exempt = [one.strip().lstrip(".") for one in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",")]
    if any(one == "*" or (one and (host == one or host.endswith(f".{one}"))) for one in exempt):
        return ""
    scheme = "HTTPS_PROXY" if base_url.startswith("https") else "HTTP_PROXY"
    return env.get(scheme) or env.get(scheme.lower()) or ""


def _ca_bundle(env: Mapping[str, str]) -> Path | None:
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"):
        if env.get(name) and Path(env[name]).is_file():
            return Path(env[name])
    return None


__all__ = ["File", "Settings"]
