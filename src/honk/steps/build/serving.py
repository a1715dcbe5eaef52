"""How people look at a build: its first page, and the app's own server, where it has one."""

from honk.domain.app_server import AppServer
from honk.domain.repository import Base
from honk.domain.repository_config import RepositoryConfig


def server_of(config: RepositoryConfig, base: Base) -> AppServer | None:
    """The app's own server, where people look at a web app by it."""
    preview, made = config.preview, config.build
    if preview is None or preview.command is None or (made is not None and made.kind != "web"):
        return None
    return AppServer(
        command=preview.command,
        port=0 if preview.socket else preview.port,
        ready=preview.ready,
        timeout=preview.timeout,
        output=made.output if made is not None else "",
        base=base,
    )
