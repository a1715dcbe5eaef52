"""Builds that are uploaded to a Honk behind a server."""

import base64
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

from honk.domain.codec import dump
from honk.doors.cli.remote_governing import RemoteGoverning
from honk.service.governing import TokenMade
from honk.service.uploads import BuildTokenWanted, StampShown, StampWanted, UploadShown, UploadWanted

_TUS = {"Tus-Resumable": "1.0.0"}


class RemoteUploads(RemoteGoverning):
    """Implements honk.service.uploads.Uploads on a server, in the protocol tus."""

    async def create_build_token(self, task: str, wanted: BuildTokenWanted) -> TokenMade:
        path = f"/tasks/{quote(task or '-', safe='')}/build-tokens"
        return await self._wire.post(TokenMade, path, dump(BuildTokenWanted, wanted))

    async def stamp_build(self, wanted: StampWanted) -> StampShown:
        return await self._wire.post(StampShown, "/uploads/stamps", dump(StampWanted, wanted))

    async def begin_upload(self, wanted: UploadWanted) -> UploadShown:
        said = {"task": wanted.task, "commit": wanted.commit, "filename": wanted.name, "sha256": wanted.digest}
        headers = tus_headers(wanted.size, said)
        # with a digest it is the same upload however often it is begun
        return await self._wire.request(UploadShown, "POST", "/uploads", headers=headers, again=bool(wanted.digest))

    async def upload(self, id: str) -> UploadShown:
        return await self._wire.get(UploadShown, _of(id))

    async def append(self, id: str, offset: int, pieces: AsyncIterator[bytes]) -> UploadShown:
        kind = "application/offset+octet-stream"
        headers = {**_TUS, "Upload-Offset": str(offset), "Content-Type": kind}
        await self._wire.request(type(None), "PATCH", _of(id), headers=headers, content=pieces)
        return await self.upload(id)

    async def discard_upload(self, id: str) -> None:
        await self._wire.request(type(None), "DELETE", _of(id), headers=_TUS, again=True)


def tus_headers(size: int, said: Mapping[str, str]) -> dict[str, str]:
    """What begins the upload of a file of so many bytes, of which that is said."""
    pairs = (f"{name} {base64.b64encode(value.encode()).decode()}" for name, value in said.items() if value)
    return {**_TUS, "Upload-Length": str(size), "Upload-Metadata": ",".join(pairs)}


def _of(id: str) -> str:
    return f"/uploads/{quote(id or '-', safe='')}"
