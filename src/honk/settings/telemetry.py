"""What operators watch: where traces go, and how the log is written."""

from collections.abc import Mapping
from typing import Annotated, Literal
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict

from honk.domain.text import Secret
from honk.errors import SettingsWrong


def _collector(address: str) -> str:
    parts = urlsplit(address)
    if address and (parts.scheme not in {"http", "https"} or not parts.hostname):
        raise ValueError("must be the http:// or https:// address of a collector, such as http://localhost:4318")
    return address


class TelemetrySettings(BaseModel):
    """What operators watch."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: collector that takes traces by OTLP over HTTP; empty means no traces
    otlp_endpoint: Annotated[str, AfterValidator(_collector)] = ""
    #: "auto" is the console on a terminal, and otherwise a line of JSON each
    log: Literal["auto", "json", "console"] = "auto"
    #: what is written down besides what is worse
    level: Literal["debug", "info", "warning", "error"] = "info"


def with_environment(settings: TelemetrySettings, environ: Mapping[str, str]) -> TelemetrySettings:
    """OpenTelemetry's own variables go before the file. Raises SettingsWrong."""
    address = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return settings.model_copy(update={"otlp_endpoint": ""})
    if not address:
        return settings
    try:
        return settings.model_copy(update={"otlp_endpoint": _collector(address)})
    except ValueError as exc:
        raise SettingsWrong(f"OTEL_EXPORTER_OTLP_ENDPOINT {exc}", "correct it, or leave it out") from exc


def headers(environ: Mapping[str, str]) -> dict[str, Secret]:
    """What goes along with every request to the collector, such as its key: `name=value,name=value`."""
    text = environ.get("OTEL_EXPORTER_OTLP_TRACES_HEADERS") or environ.get("OTEL_EXPORTER_OTLP_HEADERS", "")
    pairs = [part.partition("=") for part in text.split(",") if "=" in part]
    return {name.strip().lower(): Secret(unquote(value.strip())) for name, _, value in pairs}
