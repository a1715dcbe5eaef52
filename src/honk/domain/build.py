"""A build: the new version of the app, stored by the hash of its content."""

import hashlib
from dataclasses import dataclass

from honk.domain.app_package import AppPackage
from honk.domain.app_server import AppServer
from honk.domain.repository import Sha
from honk.domain.stamp import Stamp
from honk.domain.task import TaskId


@dataclass(frozen=True, kw_only=True, slots=True)
class Build:
    #: derived from task, commit and kind (of what was given to Honk from its content too): made twice, it is one build
    id: str
    task: TaskId
    commit: Sha
    #: web, android, ios or file
    kind: str
    #: SHA-256 of the artifact (a tar archive of the built files)
    digest: str
    size: int
    #: what to open first, below the build's root; may carry a query and a fragment
    first_page: str = ""
    #: None while no server shows previews
    preview_url: str | None = None
    #: what the app calls itself, and its version with the commit; "" where that is not known
    name: str = ""
    version: str = ""
    #: SHA-256 of screenshots: of this build, and of what people had before it; "" where there is none
    after: str = ""
    before: str = ""
    #: SHA-256 of a film of it, an MP4; "" where there is none
    film: str = ""
    #: the file that a phone installs, where there is one
    package: AppPackage | None = None
    #: how the app's own server is run, where that is what people look at instead of the files
    server: AppServer | None = None
    #: how often people ended the links to it, and how often a phone fetched the package; counted by the store
    revoked: int = 0
    fetched: int = 0
    #: what it was given to carry; None where whoever built it was given nothing
    stamp: Stamp | None = None

    @property
    def form(self) -> str:
        """apk, aab or ipa where a phone installs it; else the kind."""
        return self.package.form if self.package is not None else self.kind


def id_of(task: TaskId, commit: Sha, kind: str, content: str = "") -> str:
    """The id of the build of that kind; with the digest of its `content` another one for other content."""
    return hashlib.sha256(f"{task} {commit} {kind} {content}".rstrip().encode()).hexdigest()[:16]
