"""Static files get a compressed copy that nginx serves, the same bytes wherever they are made."""

import gzip
import tarfile

import pytest

from tests.build_samples import BOOKWORM, commit_app, git, served_lock
from turnout_build import AppSpec, BuildError, build

LONG = "p { color: black }\n" * 200


@pytest.fixture
def app(tmp_path):
    folder = commit_app(tmp_path / "app", served_lock(tmp_path / "index"))
    (folder / "shop/static").mkdir()
    for name in ("shop/static/shop.css", "shop/static/shop.png", "shop/outside.css"):
        (folder / name).write_text(LONG)
    (folder / "shop/static/small.css").write_text("p {}\n")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--no-gpg-sign", "--message", "Static")
    return folder


def members(artifact):
    with tarfile.open(artifact.path / "code.tar.gz") as archive:
        return {
            member.name: archive.extractfile(member).read() if member.isfile() else b""
            for member in archive
        }


def test_text_that_nginx_serves_has_a_compressed_copy_beside_it(app, tmp_path):
    found = members(build(AppSpec(app, static=("shop/static",)), [BOOKWORM], tmp_path / "cache"))

    assert gzip.decompress(found["shop/static/shop.css.gz"]).decode() == LONG
    assert [name for name in found if name.endswith(".gz")] == ["shop/static/shop.css.gz"]


def test_the_manifest_names_the_copy_with_its_sha256(app, tmp_path):
    artifact = build(AppSpec(app, static=("shop/static/",)), [BOOKWORM], tmp_path / "cache")

    assert len(artifact.manifest["files"]["shop/static/shop.css.gz"]["sha256"]) == 64


def test_two_builds_are_identical(app, tmp_path):
    spec = AppSpec(app, static=("shop/static",))
    one, two = (build(spec, [BOOKWORM], tmp_path / name) for name in ("one", "two"))

    for name in ("code.tar.gz", "manifest.json"):
        assert (one.path / name).read_bytes() == (two.path / name).read_bytes()


def test_a_copy_that_the_team_ships_itself_is_left_alone(app, tmp_path):
    (app / "shop/static/shop.css.gz").write_bytes(b"theirs")
    spec = AppSpec(app, static=("shop/static",), allow_dirty=True)

    assert members(build(spec, [BOOKWORM], tmp_path / "cache"))["shop/static/shop.css.gz"] == (
        b"theirs"
    )


def test_what_is_served_from_packages_is_not_looked_for_in_the_code(app, tmp_path):
    spec = AppSpec(app, static=("site-packages/shoplib/static",))

    found = members(build(spec, [BOOKWORM], tmp_path / "cache"))

    assert not [name for name in found if name.endswith(".gz")]


@pytest.mark.parametrize("source", ["with code", "without code"])
def test_a_static_folder_without_a_file_is_refused(app, tmp_path, source):
    """Or nginx would answer 404 to what the app itself has served until now."""
    spec = AppSpec(app, static=("shop/assets",))
    if source == "without code":
        spec = AppSpec(None, packages=("shoplib==1.0",), static=("shop/static",))

    with pytest.raises(BuildError, match="static files are missing") as refused:
        build(spec, [], tmp_path / "cache")
    assert "app_static names shop/" in refused.value.why
