"""Small apps, wheels and locks for the tests of the build; nothing here needs the network."""

import hashlib
import os
import subprocess
import zipfile
from pathlib import Path

from turnout_build import Target

BOOKWORM = Target("3.11", "x86_64", "2.36")
TRIXIE = Target("3.13", "x86_64", "2.41")
COMMIT_TIME = "2026-03-04T05:06:07 +0000"
APP_FILES = ("requirements.txt", "run", "shop/__init__.py", "shop/text.txt")
STAMP = "20260304T050607"


def git(folder, *arguments):
    """Run git as nobody in particular, at a fixed time."""
    identity = {"NAME": "Test", "EMAIL": "test@example.com", "DATE": COMMIT_TIME}
    env = {f"GIT_{who}_{key}": identity[key] for who in ("AUTHOR", "COMMITTER") for key in identity}
    done = subprocess.run(
        ["git", *arguments], cwd=folder, env=os.environ | env, check=True, capture_output=True
    )
    return done.stdout.decode().strip()


def write_app(folder, lock=""):
    """Write an app of four files, one of them a program."""
    (folder / "shop").mkdir(parents=True)
    (folder / "shop/__init__.py").write_text("app = None\n")
    (folder / "shop/text.txt").write_text("text\n")
    (folder / "run").write_text("#!/bin/sh\n")
    (folder / "run").chmod(0o755)
    (folder / "requirements.txt").write_text(lock)
    return folder


def commit_app(folder, lock=""):
    """Write the same app and commit it; the same lock gives the same commit."""
    write_app(folder, lock)
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-gpg-sign", "--message", "First")
    return folder


def make_key(path: Path, passphrase: str = "") -> Path:
    """Make an SSH key, with its public one beside it."""
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-C", "me", "-f", str(path)]
    subprocess.run(command, check=True)
    return path


def make_wheel(folder, name, version="1.0", *, tag="py3-none-any", needs=""):
    """Write a wheel that installs one empty module; return its SHA-256."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    wheel = folder / f"{name}-{version}-{tag}.whl"
    members = {
        f"{name}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n",
        f"{info}/RECORD": f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in members.items():
            archive.writestr(zipfile.ZipInfo(path, (2026, 2, 3, 4, 5, 6)), text)
    return hashlib.sha256(wheel.read_bytes()).hexdigest()


def local_lock(wheels: Path, **hashes):
    """Return a lock whose only index is a folder: ``name="version sha256 ..."``."""
    lines = ["--no-index", f"--find-links {wheels}"]
    for name, value in hashes.items():
        version, *accepted = value.split()
        lines.append(" ".join([f"{name}=={version}", *(f"--hash=sha256:{x}" for x in accepted)]))
    return "\n".join(lines) + "\n"


def served_lock(wheels: Path):
    """Make the wheels of an app that needs gunicorn and one package, and return its lock."""
    shop = make_wheel(wheels, "shoplib")
    return local_lock(
        wheels, gunicorn=f"27.0 {make_wheel(wheels, 'gunicorn', '27.0')}", shoplib=f"1.0 {shop}"
    )


def simple_index(root: Path, **versions):
    """Write a package index in a folder: ``name="version"``; return its address."""
    for name, version in versions.items():
        sha256 = make_wheel(root / name, name, version)
        file = f"{name}-{version}-py3-none-any.whl"
        (root / name / "index.html").write_text(f'<a href="{file}#sha256={sha256}">{file}</a>')
    return root.as_uri()
