"""`[worker]`: what this machine works with when it runs `honk worker` for a server elsewhere."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SigningSettings(BaseModel):
    """The operator's own keys; a worker with these compiles nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: a program and its arguments, in place of the others; "{unsigned}", "{signed}" and "{form}" are filled in
    command: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    #: for Android: what apksigner is given; the file holds the password
    keystore: str = ""
    alias: str = ""
    password_file: str = ""
    #: for iOS: what codesign is given, and the profile that is put into the app
    identity: str = ""
    profile: str = ""
    entitlements: str = ""

    @property
    def there(self) -> bool:
        """Whether anything can be signed."""
        return bool(self.command or self.keystore or self.identity)


class WorkerSettings(BaseModel):
    """A labelled worker."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: on a Mac: a user that is there for what an agent wrote; "" makes one for each job, and deletes it
    user: str = ""
    #: seconds between two questions for work
    pause: Annotated[float, Field(gt=0, le=3600)] = 3.0
    signing: SigningSettings = SigningSettings()
