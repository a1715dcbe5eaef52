"""A real, signed app for Android, made with Debian's own tools: aapt2, smali, zipalign and apksigner."""

import shutil
import subprocess
import zipfile
from pathlib import Path

from fabricated import png

FRAMEWORK = Path("/usr/share/android-framework-res/framework-res.apk")
_JARS = [Path("/usr/share/java", name) for name in ("smali.jar", "smali-util.jar", "dexlib2.jar")]
_MORE = [Path("/usr/share/java", name) for name in ("antlr3-runtime.jar", "jcommander.jar", "guava.jar")]
_MANIFEST = """<?xml version="1.0" encoding="utf-8"?>
<manifest xmlns:android="http://schemas.android.com/apk/res/android" package="com.example.player"
    android:versionCode="57" android:versionName="1.4.0">
  <uses-sdk android:minSdkVersion="24" android:targetSdkVersion="29"/>
  <uses-permission android:name="android.permission.INTERNET"/>
  <uses-permission android:name="android.permission.CAMERA"/>
  <application android:label="@string/called" android:icon="@mipmap/icon" android:hasCode="true">
    <activity android:name=".Main" android:exported="true" android:label="Another name">
      <intent-filter>
        <action android:name="android.intent.action.MAIN"/>
        <category android:name="android.intent.category.LAUNCHER"/>
      </intent-filter>
    </activity>
  </application>
</manifest>
"""
_CODE = """.class public Lcom/example/player/Main;
.super Landroid/app/Activity;
.method public constructor <init>()V
    .registers 1
    invoke-direct {p0}, Landroid/app/Activity;-><init>()V
    return-void
.end method
"""
_PASSWORD = "changeit"


def installed() -> bool:
    """Whether all of them are there."""
    tools = all(shutil.which(tool) for tool in ("aapt2", "apksigner", "zipalign", "keytool", "java"))
    return tools and all(file.is_file() for file in (FRAMEWORK, *_JARS, *_MORE))


def run(*argv: str | Path) -> str:
    """What the tool prints; it must end well."""
    done = subprocess.run([str(one) for one in argv], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, (argv, done.stdout, done.stderr)
    return done.stdout


def unsigned(room: Path) -> Path:
    """The app, with code and resources in two languages, before it is signed."""
    resources = room / "res"
    for folder, text in (("values", "Music player"), ("values-de", "Musikspieler")):
        (resources / folder).mkdir(parents=True)
        (resources / folder / "strings.xml").write_text(f'<resources><string name="called">{text}</string></resources>')
    for folder, side in (("mipmap-mdpi", 48), ("mipmap-xxhdpi", 144)):
        (resources / folder).mkdir()
        (resources / folder / "icon.png").write_bytes(png(side, (200, 30, 90, 255)))
    (room / "AndroidManifest.xml").write_text(_MANIFEST)
    (room / "Main.smali").write_text(_CODE)
    compiled, linked, code = room / "res.zip", room / "linked.apk", room / "classes.dex"
    run("aapt2", "compile", "--dir", resources, "-o", compiled)
    run("aapt2", "link", "-I", FRAMEWORK, "--manifest", room / "AndroidManifest.xml", "-o", linked, compiled)
    jars = ":".join(str(jar) for jar in (*_JARS, *_MORE))
    run("java", "-cp", jars, "org.jf.smali.Main", "assemble", "-o", code, room / "Main.smali")
    with zipfile.ZipFile(linked, "a") as archive:
        archive.write(code, "classes.dex")
    aligned = room / "aligned.apk"
    run("zipalign", "-f", "4", linked, aligned)
    return aligned


def key(room: Path) -> Path:
    """A key that nobody else has."""
    store = room / "keys.jks"
    if not store.exists():
        which = ("-keystore", store, "-storepass", _PASSWORD, "-keypass", _PASSWORD, "-alias", "key")
        kind = ("-keyalg", "EC", "-validity", "10000", "-dname", "CN=Nobody", "-storetype", "JKS")
        run("keytool", "-genkeypair", *which, *kind)
    return store


def signed(room: Path, *, schemes: tuple[int, ...] = (1, 2, 3)) -> Path:
    """The app, signed by exactly these schemes."""
    aligned, done = room / "aligned.apk", room / f"signed-{''.join(map(str, schemes))}.apk"
    if not aligned.exists():
        unsigned(room)
    wanted = [word for one in (1, 2, 3) for word in (f"--v{one}-signing-enabled", str(one in schemes).lower())]
    password = ("--ks-pass", f"pass:{_PASSWORD}", "--key-pass", f"pass:{_PASSWORD}")
    run("apksigner", "sign", "--ks", key(room), *password, *wanted, "--out", done, aligned)
    return done


def bundle(room: Path) -> Path:
    """The same app as an .aab, as far as Debian's tools make one: aapt2's own protocol buffers in the base module."""
    if not (room / "res.zip").exists():
        unsigned(room)
    linked, done = room / "linked.pb.apk", room / "app.aab"
    run(
        *("aapt2", "link", "--proto-format", "-I", FRAMEWORK, "--manifest", room / "AndroidManifest.xml"),
        *("-o", linked, room / "res.zip"),
    )
    with zipfile.ZipFile(linked) as source, zipfile.ZipFile(done, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("BundleConfig.pb", b"")
        for name in source.namelist():
            place = "base/manifest/" if name == "AndroidManifest.xml" else "base/"
            archive.writestr(place + name, source.read(name))
    return done
