"""What is known of an app's file (.apk, .aab or .ipa), as the file itself says it: nobody vouches for it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

#: which build kinds are such files, and how their names end
ENDINGS = {"android": (".apk", ".aab"), "ios": (".ipa",)}
#: which kind of build a form of file is
KINDS = {"apk": "android", "aab": "android", "ipa": "ios"}
#: Android's names by the number of the interface (API level)
_ANDROID = {
    **{21: "5.0", 22: "5.1", 23: "6.0", 24: "7.0", 25: "7.1", 26: "8.0", 27: "8.1", 28: "9", 29: "10", 30: "11"},
    **{31: "12", 32: "12L", 33: "13", 34: "14", 35: "15", 36: "16"},
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """The provisioning profile within an .ipa, which says onto which devices it may come."""

    kind: Literal["enterprise", "development", "ad hoc", "App Store"]
    name: str = ""
    team: str = ""
    expires: datetime | None = None
    #: identifiers (UDID) of the devices that it names; shown to nobody
    devices: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class AppFacts:
    """What the file says of itself; "" where it says nothing."""

    form: Literal["apk", "aab", "ipa"]
    #: bundle identifier or package, such as "com.example.player"
    id: str = ""
    name: str = ""
    #: what people call the version, such as "1.4.0"
    version: str = ""
    #: what tells builds of it apart: build number, or version code
    number: str = ""
    #: of iOS a version, of Android the number of the interface
    minimum: str = ""
    target: str = ""
    #: such as "iPhone"
    families: tuple[str, ...] = ()
    permissions: tuple[str, ...] = ()
    #: SHA-256 of the first signer's certificate, which two versions must have in common
    signer: str = ""
    #: of Android's ways to sign: 1 (as jars are), 2, 3
    schemes: tuple[int, ...] = ()
    debuggable: bool = False
    #: of which split .apk this is one, if it is
    split: str = ""
    #: made for Xcode's simulator
    simulator: bool = False
    profile: Profile | None = None

    @property
    def system(self) -> str:
        """On what it runs, such as "Android 7.0 and later"."""
        if self.form == "ipa":
            return f"iOS {self.minimum} and later" if self.minimum else "iOS"
        number = int(self.minimum) if self.minimum.isdecimal() and len(self.minimum) < 4 else 0
        if number in _ANDROID:
            return f"Android {_ANDROID[number]} and later"
        return f"Android (API level {self.minimum[:20]} and later)" if self.minimum else "Android"

    def obstacle(self, now: datetime) -> str:
        """Why no phone can install it by a link; "" where nothing known is in the way."""
        return self._on_android() if self.form != "ipa" else self._on_ios(now)

    def _on_android(self) -> str:
        if self.form == "aab":
            return "An .aab is for a store, which makes packages for phones of it. Build an .apk to install it."
        if self.split:
            return "It is one part of an app that is split into several .apk files. Build a universal .apk."
        if not self.signer:
            return "It is not signed, and Android installs nothing that is not."
        recent = self.target.isdecimal() and int(self.target[:6]) >= 30
        if recent and self.schemes == (1,):
            return "It is signed in the old way alone (v1), which Android 11 and later refuse for this app."
        return ""

    def _on_ios(self, now: datetime) -> str:
        profile = self.profile
        if self.simulator:
            return "It is made for Xcode's simulator: no phone runs it."
        if profile is None:
            return "It has no provisioning profile: it is not signed for any device."
        if profile.kind == "App Store":
            return "It is signed for the App Store and TestFlight, from which alone a phone installs it."
        if profile.expires is not None and profile.expires <= now:
            return f"Its provisioning profile expired on {profile.expires:%Y-%m-%d}: build and sign it anew."
        if not self.id or not self.version:
            return "It names no bundle identifier or no version, without which a phone installs nothing."
        return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class AppPackage:
    """The file that a phone installs, kept beside the build's archive."""

    #: SHA-256 of the file
    digest: str
    size: int
    #: apk, aab or ipa; what its name says where it could not be read
    form: Literal["apk", "aab", "ipa"]
    facts: AppFacts | None = None
    #: why what it is could not be read; "" where it was
    unread: str = ""
    #: SHA-256 of its icon, a PNG or WebP; "" where there is none that can be shown
    icon: str = ""

    def obstacle(self, now: datetime) -> str:
        """Why no phone can install it by a link; "" where nothing known is in the way."""
        if self.facts is not None:
            return self.facts.obstacle(now)
        if self.form == "ipa":
            return "Without knowing what it is, no phone can be told to install it."
        return "An .aab is for a store, not for a phone." if self.form == "aab" else ""


def version_of(facts: AppFacts, commit: str) -> str:
    """Such as "1.4.0 (57)+abc1234", which tells two builds of one version apart."""
    number = f" ({facts.number})" if facts.number and facts.number != facts.version else ""
    return f"{facts.version}{number}+{commit[:7]}" if facts.version else commit[:7]
