"""The one error of the readers."""


class Unreadable(Exception):
    """The file is not what it claims to be, or too large to be read. Its text is for people."""
