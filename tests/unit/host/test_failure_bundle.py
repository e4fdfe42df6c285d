"""Why a release failed is told whole, and no value of its configuration with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site
from turnout_host import answering, envfile, failure_bundle, journal, releases, stage, start, switch
from turnout_host.errors import HostFailure
from turnout_host.failure_bundle import Failed, collect
from turnout_host.layout import Layout
from turnout_host.units import Slots

NAMES = {
    "cause.txt", "answer.txt", "unit.txt", "log.txt",
    "env-keys.txt", "dependencies.txt", "files.txt", "history.txt",
}  # fmt: skip
SECRET = "s3cret-value"
FAILURE = HostFailure("the app does not answer", "mend it")


def make(layout: Layout, name: str, code: dict[str, str], wheels: list[str], **env: str) -> None:
    """Put a release on the host as stage leaves it."""
    making.make_release(layout, name)
    folder = layout.release(name)
    for path, text in code.items():
        (folder / "code" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "code" / path).write_text(text)
    known = {path: {"sha256": making.sha256(text.encode())} for path, text in code.items()}
    listed = [{"file": f"{wheel}-py3-none-any.whl", "sha256": "0"} for wheel in wheels]
    manifest = making.artifact_manifest(making.code_archive(), files=known, wheels=listed)
    (folder / "artifact").mkdir()
    (folder / "artifact/manifest.json").write_text(json.dumps(manifest))
    (folder / "env").write_text(envfile.render(env))


@pytest.fixture
def two(layout: Layout, systemd: FakeSystemd) -> None:
    """r1 is live in blue, and r2 in green has failed."""
    old = {"app.py": "one\ntwo\n", "gone.py": "x\n", ".env.example": "A=1\n", "data.bin": "\0"}
    new = {"app.py": "one\nthree\n", "more.py": "y\n", ".env.example": "A=2\n", "data.bin": "\0\0"}
    make(layout, "r1", old, ["flask-3.0.0", "gone-1.0"], KEPT="a", LOST="b", TOKEN="old-secret")
    make(layout, "r2", new, ["flask-3.1.0", "more-2.0"], KEPT="a", NEW="c", TOKEN=SECRET)
    making.put_live(layout, "blue", "r1")
    systemd.set("blue", ActiveState="active", SubState="running", MainPID=11)
    making.put_in_slot(layout, "green", "r2")
    journal.begin(layout, "r2", token="t0ken-of-the-lease")


def bundle(layout: Layout, slots: Slots, failure: HostFailure = FAILURE) -> dict[str, str]:
    return collect(Failed(layout, slots, "r2", "start", failure))


@pytest.mark.usefixtures("two")
def test_the_bundle_has_every_file_and_begins_with_the_cause(layout: Layout, slots: Slots) -> None:
    found = bundle(layout, slots)

    assert set(found) == NAMES
    assert found["cause.txt"].splitlines()[:2] == ["the app does not answer", "Next: mend it"]
    for fact in ("hello", "start", "r2", "r1"):
        assert fact in found["cause.txt"]


@pytest.mark.usefixtures("two")
def test_variables_are_named_and_their_values_are_not(layout: Layout, slots: Slots) -> None:
    assert bundle(layout, slots)["env-keys.txt"].splitlines() == [
        "KEPT",
        "LOST  (only the live release has it)",
        "NEW  (the live release does not have it)",
        "TOKEN  (another value than the live one's)",
    ]


@pytest.mark.usefixtures("two")
def test_dependencies_are_compared_with_the_live_release(layout: Layout, slots: Slots) -> None:
    assert bundle(layout, slots)["dependencies.txt"].splitlines() == [
        "changed  flask 3.0.0 -> 3.1.0",
        "removed  gone",
        "added    more",
    ]


@pytest.mark.usefixtures("two")
def test_files_are_compared_and_small_texts_shown(layout: Layout, slots: Slots) -> None:
    found = bundle(layout, slots)["files.txt"]

    assert found.splitlines()[:5] == [
        "changed  .env.example",
        "changed  app.py",
        "changed  data.bin",
        "removed  gone.py",
        "added    more.py",
    ]
    assert "-two\n+three" in found
    assert "A=2" not in found, "a file that may hold secrets was shown"
    assert "\0" not in found


@pytest.mark.usefixtures("two")
def test_a_file_that_is_not_as_it_was_shipped_is_not_shown(layout: Layout, slots: Slots) -> None:
    (layout.release("r2") / "code/app.py").unlink()
    (layout.release("r2") / "code/app.py").symlink_to(layout.settings)

    assert "three" not in bundle(layout, slots)["files.txt"]
    assert "warm_seconds" not in bundle(layout, slots)["files.txt"]


@pytest.mark.usefixtures("two")
def test_a_release_like_the_live_one_differs_in_nothing(layout: Layout, slots: Slots) -> None:
    for path in ("artifact/manifest.json", "release.json"):
        (layout.release("r2") / path).write_bytes((layout.release("r1") / path).read_bytes())

    found = bundle(layout, slots)

    assert found["dependencies.txt"] == found["files.txt"]
    assert found["files.txt"] == "The same as in the live release r1.\n"


def test_a_first_release_has_nothing_to_compare_with(layout: Layout, slots: Slots) -> None:
    make(layout, "r2", {"app.py": "x"}, ["flask-3.1.0"], NEW="c")

    found = bundle(layout, slots)

    assert found["files.txt"] == "There is no live release to compare with.\n"
    assert found["env-keys.txt"] == "NEW\n"


@pytest.mark.usefixtures("two")
def test_no_secret_of_either_release_is_in_any_file(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    systemd.answers["journalctl"] = (0, f"connecting with {SECRET}, formerly old-secret")
    systemd.answers["systemctl status"] = (0, f"Status: {SECRET}")
    (layout.release("r2") / "code/app.py").write_text(f"one\n{SECRET}\n")
    seen = {"answer": f"HTTP 500\n\n{SECRET}"}
    journal.conclude(layout, "deploy", "failed", release="r0", cause=f"bad {SECRET}")

    found = bundle(layout, slots, HostFailure(f"failed on {SECRET}", "mend it", seen=seen))

    text = "".join(found.values())
    assert SECRET not in text
    assert "old-secret" not in text
    assert found["log.txt"] == "connecting with ***, formerly ***\n"
    assert found["cause.txt"].startswith("failed on ***\n")


@pytest.mark.usefixtures("two")
def test_the_lease_is_not_given_away(layout: Layout, slots: Slots) -> None:
    found = bundle(layout, slots)["history.txt"]

    assert "t0ken" not in found
    assert '"release": "r2"' in found


@pytest.mark.usefixtures("two")
def test_the_log_is_the_slots_since_the_deploy_began(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    bundle(layout, slots)

    (call,) = systemd.called("journalctl")
    begun = journal.last(layout, "begin")
    assert begun is not None
    assert "--unit hello@green.service --lines 200" in call
    assert call.endswith(f"--since=@{begun['time']:.0f}")


@pytest.mark.usefixtures("two")
def test_the_log_of_a_command_is_what_it_printed(layout: Layout, slots: Slots) -> None:
    failure = HostFailure("app_migrate_command failed", "read it", seen={"log": "no such table"})

    assert bundle(layout, slots, failure)["log.txt"] == "no such table\n"


@pytest.mark.usefixtures("two")
def test_what_a_program_of_the_host_said_stands_before_the_log(
    layout: Layout, slots: Slots
) -> None:
    failure = HostFailure("`systemctl start` failed", "look", "Unit not found.")

    assert bundle(layout, slots, failure)["log.txt"].splitlines() == [
        "Unit not found.",
        "",
        "log of hello@green.service",
    ]


@pytest.mark.usefixtures("two")
def test_an_import_that_fails_is_told_with_all_that_it_printed(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    systemd.answers["systemd-run"] = (1, f"Traceback of {SECRET}\n" + "." * 9000)
    with pytest.raises(HostFailure) as caught:
        stage.check(layout, "r2", run=systemd)

    assert bundle(layout, slots, caught.value)["log.txt"].startswith("Traceback of ***\n.")


@pytest.mark.usefixtures("two")
def test_a_bundle_has_a_size_that_any_log_survives(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    systemd.answers["journalctl"] = (0, "ä" * 10**6 + "the last words")

    found = bundle(layout, slots)

    most = sum(limit for _, limit in failure_bundle.FILES.values())
    assert most <= 256 * 1024
    assert len(found["log.txt"].encode()) < 66 * 1024
    assert found["log.txt"].startswith("[")
    assert found["log.txt"].endswith("the last words\n")


@pytest.mark.usefixtures("two")
def test_what_cannot_be_found_out_leaves_the_rest(
    layout: Layout, slots: Slots, systemd: FakeSystemd
) -> None:
    (layout.release("r1") / "artifact/manifest.json").unlink()

    found = bundle(layout, slots)

    assert "could not be found out" in found["files.txt"]
    assert "manifest of r1" in found["files.txt"]
    assert "TOKEN" in found["env-keys.txt"]


@pytest.mark.usefixtures("two")
def test_a_release_that_is_ill_at_its_start_is_told_as_it_was_then(
    layout: Layout, slots: Slots, green_site: Site
) -> None:
    green_site.status, green_site.body = 500, f"no database at {SECRET}"
    green_site.headers = {"Set-Cookie": "session=abc"}
    with pytest.raises(HostFailure) as caught:
        start.start(layout, slots, "r2", drain_seconds=0.1)

    found = bundle(layout, slots, caught.value)

    assert found["answer.txt"].startswith("GET /health (Host hello.example)\nHTTP 500\n")
    assert "Set-Cookie: ***" in found["answer.txt"]
    assert "no database at ***" in found["answer.txt"]
    assert "ActiveState=active" in found["unit.txt"], "the slot has been stopped since"
    assert SECRET not in caught.value.evidence
    assert SECRET not in (layout.release("r2") / releases.FAILED).read_text()


@pytest.mark.usefixtures("two")
def test_a_release_that_nginx_does_not_reach_is_compared_with_the_one_before(
    layout: Layout, slots: Slots, nginx: Site
) -> None:
    switch.switch(layout, "green")
    nginx.status, nginx.body = 502, f"{'.' * 1990}{SECRET}"
    with pytest.raises(HostFailure) as caught:
        switch.verify(layout, "r2", {"port": nginx.port, "tls": False})

    found = bundle(layout, slots, caught.value)

    assert "HTTP 502" in found["answer.txt"]
    assert "changed  app.py" in found["files.txt"]
    # Cut in its middle a secret would not be known any more.
    assert SECRET[:6] not in caught.value.evidence


def test_a_phase_that_fails_sends_the_bundle_with_its_cause(
    layout: Layout, slots: Slots, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "Slots", lambda _layout: slots)
    make(layout, "r2", {"app.py": "x"}, [], NEW="c")

    told: Any = answering.explained(layout, "start", "r2", FAILURE)

    assert set(told["failure_bundle"]) == NAMES
    assert answering.explained(layout, "stage", "r9", FAILURE) == {}
    assert answering.explained(layout, "preflight", "", FAILURE) == {}
