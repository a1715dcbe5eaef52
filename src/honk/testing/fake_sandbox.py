"""A fake sandbox, which knows the few commands that steps run themselves."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from honk.ports import ATTACHMENTS, Box, Process, Ran, Sandbox, Wall
from honk.testing.fake_given import given

#: The one file that the fakes look at.
APP = "app.py"


class FakeSandbox:
    """See `Sandbox`. It knows eight commands: to build, to pack a build, to unpack what a CI kept, to read its name, to
    look for packages in it, to copy one out, to deploy one, and to ask whether it is well; and three for a web app that
    somebody uploaded (`fake_given`).

    An app that says "cannot be built" does not build; one that says "does not start" does not deploy; one that
    says "is sick" is not healthy.
    """

    def __init__(self, box: Box) -> None:
        self._box = box

    async def run(
        self,
        argv: tuple[str, ...],
        *,
        seconds: float,
        stdin: bytes = b"",
        output_limit: int = 16 << 20,
        environment: Mapping[str, str] | None = None,
        stdout_to: Path | None = None,
    ) -> Ran:
        if (handed := self._handed(argv, stdout_to)) is not None:
            return handed
        if argv[-1] == "unpacked":
            mounts = {mount.target: mount.source for mount in self._box.mounts}
            content = mounts["/honk/artifact.zip"].read_bytes()
            (self._box.workspace / "unpacked").mkdir()
            for name in ("app.ipa", "unpacked/app.ipa"):
                (self._box.workspace / name).write_bytes(content)
            return _ran(0 if content.startswith(b"PK") else 1)
        if argv[-1] == "pyproject.toml":
            return _ran(0, "\0\0\0<title>Music player</title>\0" + '{"version": "1.4.0"}' + "\0\0")
        if argv[0] == "ffmpeg":
            return _ran(127, "it is not installed here")
        if argv[-1] == "build":
            app = (self._box.workspace / APP).read_bytes()
            if b"cannot be built" in app:
                return _ran(1, "the build broke")
            for name in ("built", "built.ipa"):
                (self._box.workspace / name).write_bytes(app)
            return _ran(0)
        mounts = {mount.target: mount.source for mount in self._box.mounts}
        app = mounts["/honk/artifact.tar"].read_bytes()
        if argv[-1] == "health":
            return _ran(1, "it answers 500") if b"is sick" in app else _ran(0)
        (mounts["/honk/production"] / APP).write_bytes(app)
        return _ran(1, "it does not start") if b"does not start" in app else _ran(0)

    def _handed(self, argv: tuple[str, ...], stdout_to: Path | None) -> Ran | None:
        """Of commands that take files in or hand them out; None of others."""
        file = next((one.source for one in self._box.mounts if one.target == "/honk/given"), None)
        if file is not None and argv[-1] != "pyproject.toml":
            return given(file, self._box.workspace, argv, stdout_to)
        if stdout_to is not None:
            stdout_to.write_bytes((self._box.workspace / argv[-1]).read_bytes())
            return _ran(0)
        if argv[0] == "find":
            return _ran(0, _found(self._box.workspace / argv[2], self._box.workspace, argv))
        return None

    async def start(self, argv: tuple[str, ...], *, environment: Mapping[str, str] | None = None) -> Process:
        raise NotImplementedError("nothing runs for long in a fake sandbox")

    def inbound(self, name: str) -> Path:
        raise NotImplementedError("a fake sandbox has no inbound sockets")

    @property
    def read_only(self) -> bool:
        """Whether nobody inside can change the workspace."""
        return self._box.read_only_workspace

    @property
    def attachments(self) -> Path | None:
        """Where the agent finds the files of messages."""
        return next((one.source for one in self._box.mounts if one.target == ATTACHMENTS), None)

    @property
    def workspace(self) -> Path:
        """Where the agent finds the files."""
        return self._box.workspace


def _found(root: Path, workspace: Path, argv: tuple[str, ...]) -> str:
    """The files with one of the wanted endings, each with a zero character behind it."""
    wanted = tuple(word.removeprefix("*") for word in argv if word.startswith("*."))
    files = [root] if root.is_file() else sorted(root.rglob("*"))
    return "".join(f"{one.relative_to(workspace)}\0" for one in files if one.name.endswith(wanted))


def _ran(exit_code: int, output: str = "") -> Ran:
    return Ran(exit_code=exit_code, stdout=output.encode(), stderr=b"", seconds=0.0)


class FakeSandboxes:
    """See `Sandboxes`."""

    name = "fake"

    def __init__(self) -> None:
        #: what was opened, in order
        self.boxes: list[Box] = []

    async def probe(self) -> tuple[Wall, ...]:
        return ()

    def open(self, box: Box) -> AbstractAsyncContextManager[Sandbox]:
        @asynccontextmanager
        async def opened() -> AsyncIterator[Sandbox]:
            self.boxes.append(box)
            yield FakeSandbox(box)

        return opened()

    def own(self, path: Path) -> None:
        """There is one user."""

    def runtime(self, program: str) -> Path:
        return Path("/nowhere") / program
