"""`honk demo`: the whole journey on the example repository, with a key or as a replay.

Everything here but the scripted model is the code that runs in earnest.
"""

from typing import Annotated

import typer

from honk.doors.cli import Part

_KEPT = "nothing is left running; the same command begins anew"


def _add_demo(cli: typer.Typer) -> None:

    @cli.command(epilog="Example: honk demo --lan")
    def demo(
        lan: Annotated[
            bool, typer.Option("--lan", help="Open the app to the local network at once, with a QR code for a phone.")
        ] = False,
    ) -> None:
        """Run the whole journey on the example repository: instruction, fix, proof, merge, deployment.

        With ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN the real model writes the change; without, a recorded
        session is replayed. On a terminal it stays up until Ctrl-C and takes further instructions.
        """
        from honk.demo.journey import journey
        from honk.demo.telling import Telling
        from honk.doors.cli.house import only_there
        from honk.doors.cli.session import guarded
        from honk.settings import Settings
        from honk.settings.server import Server

        out = Telling()

        async def go() -> int:
            if (server := Server.chosen()) is not None:
                raise only_there(server.url)
            return await journey(Settings.load(), out, lan=lan)

        raise typer.Exit(guarded(go, out, kept=lambda: _KEPT))


DEMO = Part(
    lambda cli, _: _add_demo(cli),
    {"demo": "Run the whole journey on the example repository: instruction, fix, proof, merge, deployment."},
)
