"""A deploy is measured from outside, and its receipt is there whoever has died meanwhile."""

from __future__ import annotations

import json
import select
import socket
from contextlib import closing
from typing import Any

import pytest

from tests.unit.host import making
from tests.unit.host.fake_systemd import FakeSystemd
from tests.unit.host.http_server import Site, serving
from turnout_host import follow, health, journal, probe, receipts, recording, switch
from turnout_host.asking import Asker
from turnout_host.errors import HostFailure
from turnout_host.layout import Layout


@pytest.fixture
def begun(layout: Layout, nginx: Site) -> dict[str, Any]:
    """r1 is live, and a deploy of r2 has begun; nginx answers for r1."""
    making.put_live(layout, "blue", "r1")
    making.make_release(layout, "r2")
    making.put_in_slot(layout, "green", "r2")
    nginx.headers["X-Turnout-Release"] = "blue/r1"
    layout.settings.write_text(json.dumps({"port": nginx.port, "tls": False}))
    journal.begin(layout, "r2")
    entry = journal.last(layout, "begin")
    assert entry is not None
    return entry


def test_it_runs_in_a_unit_of_its_own(
    layout: Layout, begun: dict[str, Any], systemd: FakeSystemd
) -> None:
    probe.start(layout, 20, systemd)

    (call,) = systemd.called("systemd-run")
    assert "--unit=turnout-probe-hello-" in call
    assert call.endswith(f"--recording {recording.path(layout, begun).name}")


def test_it_is_started_once(layout: Layout, begun: dict[str, Any], systemd: FakeSystemd) -> None:
    probe.start(layout, 20, systemd)
    probe.start(layout, 20, systemd)

    assert len(systemd.called("systemd-run")) == 1


def test_no_deploy_fails_because_it_cannot_be_measured(
    layout: Layout, begun: dict[str, Any], systemd: FakeSystemd
) -> None:
    layout.receipts.write_text("a file where the folder should be")

    probe.start(layout, 20, systemd)
    probe.wait_for_first(layout)

    assert "the probe did not run" in receipts.receipt.words(probe.conclude(layout, begun))


def test_a_rate_of_zero_asks_nobody_and_its_receipt_says_so(
    layout: Layout, begun: dict[str, Any], systemd: FakeSystemd, nginx: Site
) -> None:
    probe.start(layout, 0, systemd)
    probe.wait_for_first(layout)
    switch.switch(layout, "green")
    switch.commit(layout, "r2")

    made = probe.conclude(layout, begun)

    assert systemd.calls == []
    assert nginx.asked == []
    assert (made["requests"], made["finished"], made["outcome"]) == (0, True, "live")
    assert made["switch_ms"] > 0
    assert "no request seen" in recording.path(layout, begun).with_suffix(".svg").read_text()


def run_until_committed(
    layout: Layout, begun: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> dict[str, Any]:
    """Run the probe over a whole deploy that happens between its third and fourth request."""
    asked: list[str] = []
    ask = Asker.ask

    def counted(self: Asker, live: str) -> dict[str, Any]:
        asked.append(live)
        if len(asked) == 4:
            switch.switch(layout, "green")
            switch.commit(layout, "r2")
        return ask(self, live)

    monkeypatch.setattr(Asker, "ask", counted)
    # After it the probe asks once a second.
    monkeypatch.setattr(follow, "FULL_RATE_SECONDS", 0.1)
    monkeypatch.setattr(follow, "LOOK_SECONDS", 0.0)
    monkeypatch.setattr(follow, "AFTER_SETTLE_SECONDS", 0.0)
    file = recording.create(layout, begun, 50)
    return probe.run(layout, file.name)


def test_the_receipt_takes_the_place_of_the_recording(
    layout: Layout, begun: dict[str, Any], nginx: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run_until_committed(layout, begun, monkeypatch)

    assert made["requests"] == len(nginx.asked) >= 4
    assert (made["failed"], made["outcome"], made["finished"]) == (0, "live", True)
    assert {path for path, _ in nginx.asked} == {"/health"}
    assert {headers["User-Agent"] for _, headers in nginx.asked} == {"turnout-probe"}
    assert {headers["Host"] for _, headers in nginx.asked} == {"hello.example"}
    assert sorted(path.suffix for path in layout.receipts.iterdir()) == [".json", ".svg"]
    assert receipts.latest(layout) == made


def test_connections_are_new_and_kept_in_turn(
    layout: Layout, begun: dict[str, Any], nginx: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_until_committed(layout, begun, monkeypatch)

    kinds = [headers.get("Connection", "kept") for _, headers in nginx.asked]
    assert kinds[:4] == ["kept", "close", "kept", "close"]


@pytest.mark.parametrize("body", ["fine", "", "x" * 200_000])
def test_a_kept_connection_is_used_again(layout: Layout, begun: dict[str, Any], body: str) -> None:
    with serving(Site(keeps=True, body=body)) as site:
        layout.settings.write_text(json.dumps({"port": site.port}))
        with closing(Asker(layout)) as asker:
            problems = [asker.ask("r1")["problem"] for _ in range(6)]

    assert problems == [""] * 6
    # A body that is larger than anybody reads ends the connection.
    assert site.connections == (6 if len(body) > health.BODY_LIMIT else 1 + 3)


def test_a_kept_connection_that_the_server_has_ended_is_made_anew(
    layout: Layout, begun: dict[str, Any]
) -> None:
    with serving(Site(keeps=True)) as site:
        layout.settings.write_text(json.dumps({"port": site.port}))
        with closing(Asker(layout)) as asker:
            assert asker.ask("r1")["problem"] == ""
            assert asker._kept is not None
            asker._kept.sock.shutdown(socket.SHUT_WR)
            until_closed(asker._kept.sock)

            assert [asker.ask("r1")["problem"] for _ in range(2)] == ["", ""]
    assert site.connections == 3


def until_closed(kept: socket.socket) -> None:
    """Wait until the server has closed its side, as an idle connection ends."""
    assert select.select([kept], [], [], 5)[0]


@pytest.mark.parametrize("status", [404, 500])
def test_an_answer_that_health_does_not_accept_has_failed(
    layout: Layout, begun: dict[str, Any], nginx: Site, status: int
) -> None:
    nginx.status = status

    assert f"answered {status}" in Asker(layout).ask("r1")["problem"]


def test_no_answer_has_failed(layout: Layout, begun: dict[str, Any]) -> None:
    layout.settings.write_text(json.dumps({"port": 1}))
    asker = Asker(layout)

    assert [asker.ask("r1")["problem"][:45] for _ in range(2)] == [
        "GET /health (Host hello.example): no answer: "
    ] * 2


def test_a_page_that_only_the_other_release_has_is_no_failure(
    layout: Layout, begun: dict[str, Any], nginx: Site
) -> None:
    making.make_release(layout, "r3", health={**making.HEALTH, "path": "/ready"})
    nginx.headers["X-Turnout-Release"] = "green/r3"
    nginx.status = 404
    assert Asker(layout).ask("r1")["problem"] == ""

    nginx.status = 502
    assert "502" in Asker(layout).ask("r1")["problem"]


def test_a_switch_waits_for_a_request_before_it_but_not_for_long(
    layout: Layout, begun: dict[str, Any], systemd: FakeSystemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    probe.start(layout, 20, systemd)
    file = recording.path(layout, begun)

    def asks_meanwhile(seconds: float) -> None:
        looks.append(seconds)
        with file.open("a") as lines:
            lines.write('{"sent": 1.0, "ms": 1.0, "status": 200, "by": "", "problem": ""}\n')

    monkeypatch.setattr(probe.time, "sleep", asks_meanwhile)
    probe.wait_for_first(layout)

    assert len(looks) == 1


def test_a_recording_that_was_cut_short_is_finished_by_the_next(
    layout: Layout, begun: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.receipts.mkdir()
    cut = layout.receipts / "20200101T000000Z-r0.jsonl"
    head = {**recording.head(layout, begun, 20), "began": 1.0, "release": "r0"}
    cut.write_text(f'{json.dumps(head)}\n{{"sent": 2.0, "ms": 1.0, "sta')
    (layout.receipts / "20200102T000000Z-r0.jsonl").write_text("tor")

    run_until_committed(layout, begun, monkeypatch)

    assert json.loads(cut.with_suffix(".json").read_text())["requests"] == 0
    assert not list(layout.receipts.glob("*.jsonl"))


def test_the_oldest_receipts_are_forgotten(
    layout: Layout, begun: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    layout.receipts.mkdir()
    for year in range(2000, 2000 + receipts.KEPT):
        for suffix in ("json", "svg"):
            (layout.receipts / f"{year}0101T000000Z-r0.{suffix}").write_text("{}")

    run_until_committed(layout, begun, monkeypatch)

    kept = sorted(path.name[:4] for path in layout.receipts.glob("*.svg"))
    assert len(kept) == receipts.KEPT
    assert kept[0] == "2001"


def test_a_host_without_a_receipt_says_what_to_do(layout: Layout) -> None:
    with pytest.raises(HostFailure, match="has no receipt") as caught:
        receipts.latest(layout)

    assert "deploy or roll back" in caught.value.next_step


def test_the_latest_receipt_is_there_before_it_is_finished(
    layout: Layout, begun: dict[str, Any], systemd: FakeSystemd
) -> None:
    probe.start(layout, 20, systemd)

    found = receipts.latest(layout)

    assert (found["release"], found["finished"], found["outcome"]) == ("r2", False, None)
