"""The app's own server: how one version of an app is run, so that people can try what no file alone shows."""

from dataclasses import dataclass

from honk.domain.repository import Base

#: where a server listens that has no port: inside its sandbox
SOCKET = "/run/honk/in/app"


@dataclass(frozen=True, kw_only=True, slots=True)
class AppServer:
    """Fixed with the build, from the base commit: what the agent writes into `.honk.toml` starts nothing."""

    #: a line for `sh -c`
    command: str
    #: on the loopback inside; 0: it listens at SOCKET
    port: int
    #: a path that answers once it is ready, with anything below 500; "" while a connection is enough
    ready: str = ""
    #: seconds that it may take to be ready
    timeout: float = 120.0
    #: where the build's files are put below the repository's root before it starts; "" for nowhere
    output: str = ""
    #: the commit from which its environment comes
    base: Base
