"""What `/settings` shows: every key with where it comes from, and no secret, wherever one may stand."""

from pathlib import Path

from honk.doors.web.settings_page import SettingShown
from honk.settings import Settings
from honk.wiring.shown_settings import shown_settings


def shown(home: Path, text: str = "", **environ: str) -> dict[str, SettingShown]:
    home.mkdir(exist_ok=True)
    (home / "honk.toml").write_text(text)
    found = shown_settings(Settings.load({"HONK_HOME": str(home), **environ}))
    return {f"{one.section}.{one.name}": one for one in found}


def test_a_setting_says_where_it_comes_from(tmp_path: Path) -> None:
    text = '[limits]\nusd = 3.5\n[work]\nscreenshots = true\n[network]\nhosts = ["a.example", "b.example"]\n'
    found = shown(tmp_path / "home", text, ANTHROPIC_BASE_URL="http://127.0.0.1:1")
    assert (found["limits.usd"].value, found["limits.usd"].origin) == ("3.5", "honk.toml")
    assert (found["work.screenshots"].value, found["work.screenshots"].origin) == ("true", "honk.toml")
    assert (found["limits.calls"].value, found["limits.calls"].origin) == ("300", "default")
    assert found["network.hosts"].value == "a.example, b.example"
    base = found["model.base_url"]
    assert (base.value, base.origin) == ("http://127.0.0.1:1", "the environment")
    assert ".people" not in found and ".roles" not in found
    assert next(iter(found)) == ".public_url"


def test_no_secret_is_shown(tmp_path: Path) -> None:
    secret = "never-shown-4711"
    found = shown(
        tmp_path / "home",
        "",
        ANTHROPIC_API_KEY=secret,
        HONK_DATABASE=f"postgresql://honk:{secret}@db/honk?sslpassword={secret}",
        GITHUB_TOKEN=f"ghp_{secret}",
        GITLAB_TOKEN=secret,
        SLACK_BOT_TOKEN=f"xoxb-{secret}",
        OTEL_EXPORTER_OTLP_HEADERS=f"authorization={secret}",
    )
    assert secret not in repr(found)
    assert found["environment.ANTHROPIC_API_KEY"].value == "is set, and not shown"
    assert found["environment.ANTHROPIC_AUTH_TOKEN"].value == "is not set"
    assert found[".database"].value == "postgresql://honk:***@db/honk"
    other = shown(tmp_path / "other", f'database = "postgresql://honk:{secret}@db/honk"\n')
    assert secret not in repr(other) and other[".database"].origin == "honk.toml"
