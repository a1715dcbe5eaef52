"""files.*: the upload in three steps, and files that only the app's token may read."""

from aiohttp import web

from honk.testing.fake_slack import shapes
from honk.testing.fake_slack.methods_chat import check_blocks, new, place, thread_of
from honk.testing.fake_slack.web_api import Args, Methods
from honk.testing.fake_slack.workspace import File, Json
from honk.testing.fake_slack.world import Refused, World

METHODS = Methods()

SIGN_IN = (
    "<!DOCTYPE html><html><head><title>Sign in | Slack</title></head><body>Sign in to your workspace</body></html>"
)


def kept(world: World, name: str, content: bytes, user: str, mimetype: str) -> File:
    """A new file."""
    file = File(
        id=f"F{world.space.number():010d}",
        name=name,
        user=user,
        team=world.space.users[user].team,
        content=content,
        mimetype=mimetype,
        created=int(world.space.clock()),
        length=len(content),
    )
    world.space.files[file.id] = file
    return file


@METHODS.add("files.getUploadURLExternal", "files:write")
async def upload_url(world: World, args: Args) -> Json:
    name = args.text("filename", needed="invalid_arguments")
    length = args.number("length", 0)
    if length <= 0:
        raise Refused("invalid_arguments")
    file = kept(world, name, b"", world.app.user, "application/octet-stream")
    file.length, file.uploaded, file.complete = length, False, False
    return {"upload_url": f"{world.url}/upload/v1/{file.id}", "file_id": file.id}


async def upload(world: World, request: web.Request) -> web.Response:
    """The second step: the content itself."""
    file = world.space.files.get(request.match_info["file"])
    if file is None or file.complete:
        return web.Response(status=404, text="not found")
    content = await _content(request)
    if len(content) != file.length:
        return web.Response(status=400, text="length mismatch")
    file.content, file.uploaded = content, True
    world.ring()
    return web.Response(text=f"OK - {len(content)}")


async def _content(request: web.Request) -> bytes:
    if request.content_type != "multipart/form-data":
        return await request.read()
    for part in (await request.post()).values():
        if isinstance(part, web.FileField):
            return part.file.read()
    return b""


@METHODS.add("files.completeUploadExternal", "files:write")
async def complete(world: World, args: Args) -> Json:
    given = args.json("files")
    if not isinstance(given, list) or not given:
        raise Refused("invalid_arguments")
    files = [_uploaded(world, one) for one in given]
    wanted = args.text("channel_id") or args.text("channels").split(",")[0]
    channel = place(world, Args({"channel": wanted})) if wanted else None
    thread = thread_of(world, channel, args) if channel else ""
    blocks = args.json("blocks") or []
    check_blocks(blocks)
    for file, one in zip(files, given, strict=True):
        file.title, file.complete = str(one.get("title") or file.name), True
        if channel is not None:
            file.channels.append(channel.id)
    if channel is not None:
        message = new(
            world,
            channel,
            text=args.text("initial_comment"),
            blocks=blocks,
            thread_ts=thread,
            files=[file.id for file in files],
        )
        world.post(message)
    world.ring()
    return {"files": [shapes.file(file, world.url) for file in files]}


def _uploaded(world: World, one: Json) -> File:
    file = world.space.files.get(str(one.get("id")))
    if file is None or not file.uploaded or file.complete:
        raise Refused("file_not_found")
    return file


@METHODS.add("files.info", "files:read")
async def file_info(world: World, args: Args) -> Json:
    file = world.space.files.get(args.text("file", needed="file_not_found"))
    if file is None or not file.complete:
        raise Refused("file_not_found")
    if file.deleted:
        raise Refused("file_deleted")
    return {"file": shapes.file(file, world.url), "comments": [], "response_metadata": {"next_cursor": ""}}


@METHODS.add("files.delete", "files:write")
async def file_delete(world: World, args: Args) -> Json:
    file = world.space.files.get(args.text("file", needed="file_not_found"))
    if file is None or file.user != world.app.user:
        raise Refused("file_not_found" if file is None else "cant_delete_file")
    file.deleted = True
    world.ring()
    return {}


async def download(world: World, request: web.Request) -> tuple[web.Response, bool]:
    """`url_private`: the content, or Slack's sign-in page without a good token; and whether it was the content."""
    said = request.headers.get("Authorization", "")
    app = world.app
    good = said == f"Bearer {app.bot_token}" and app.bot_token not in app.revoked and "files:read" in app.scopes
    file = world.space.files.get(request.match_info["file"])
    if not good or not app.installed:
        return web.Response(text=SIGN_IN, content_type="text/html"), False
    if file is None or file.deleted or not file.complete:
        return web.Response(status=404, text="<html>File not found</html>", content_type="text/html"), False
    return web.Response(body=file.content, content_type=file.mimetype.partition(";")[0]), True
