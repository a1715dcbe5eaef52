"""The `honk` command."""

from contextlib import AbstractAsyncContextManager

from honk.demo import add_demo
from honk.doors.cli import command_line
from honk.doors.cli.house import House
from honk.settings import Settings
from honk.wiring import Doctor, open_honk


def main() -> None:
    """Reads the settings when a command needs them, and runs the command line."""

    def open_house() -> AbstractAsyncContextManager[House]:
        return open_honk(Settings.load())

    cli = command_line(open_house, Doctor())
    add_demo(cli)
    cli()


if __name__ == "__main__":
    main()
