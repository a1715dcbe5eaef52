"""The door for programs: HTTP and JSON below /api/v1, described by its own openapi.json."""

from fastapi import FastAPI

from honk import __version__
from honk.doors.api import acting, freezing, governing, looking, promoting, uploading, working
from honk.doors.api.bounds import Bounded
from honk.doors.api.callers import Admitted, Backstage
from honk.doors.api.problems import say_problems

__all__ = ["PREFIX", "Backstage", "api"]

PREFIX = "/api/v1"
_ABOUT = """Everything that the command line does, over HTTP.

Show an access token (`honk token create`) as `Authorization: Bearer honk_…`; it has scopes, and the
policy is asked for its person at each act. Errors are problem details (RFC 9457) with a `remedy`."""


def api(backstage: Backstage) -> FastAPI:
    """The API as an ASGI application, to be mounted at PREFIX."""
    app = FastAPI(
        title="Honk",
        version=__version__,
        description=_ABOUT,
        openapi_url="/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        servers=[{"url": PREFIX}],
        # As they are: `include_router` would make every route a second time, within the first request.
        routes=[
            *looking.router.routes,
            *acting.router.routes,
            *governing.router.routes,
            *uploading.router.routes,
            *freezing.router.routes,
            *promoting.router.routes,
            *working.router.routes,
        ],
    )
    app.state.backstage = backstage
    say_problems(app)

    app.add_middleware(Admitted, tokens=backstage.tokens)
    app.add_middleware(Bounded, closing=backstage.closing)
    return app
