"""The `honk` command."""

from honk.demo import DEMO
from honk.doors.cli import Behind, command_line


def main() -> None:
    """Runs the command line."""
    command_line(_behind, [DEMO])()


def _behind() -> Behind:
    from honk.opening import behind  # `honk --help` waits for nothing that only a command needs

    return behind()


if __name__ == "__main__":
    main()
