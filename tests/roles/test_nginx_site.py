"""What the published site promises, checked on the rendered configuration."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Render

SITE: dict[str, Any] = {
    "nginx_site_app": "store-front",
    "nginx_site_hostnames": ["shop.example.com", "www.example.com"],
}
TLS = {
    "nginx_site_tls_certificate": "/etc/ssl/shop/fullchain.pem",
    "nginx_site_tls_key": "/etc/ssl/shop/key.pem",
}


@pytest.fixture
def site(render: Render) -> str:
    return render("nginx_site", "site.conf.j2", **SITE)


def block(text: str, start: str) -> str:
    """Return the text of one block, up to its closing brace in the same column."""
    found = re.search(rf"^( *){re.escape(start)}.*?^\1}}", text, re.M | re.S)
    assert found, f"no block {start}"
    return found.group(0)


def test_site_answers_to_every_hostname(site: str) -> None:
    assert "server_name shop.example.com www.example.com;" in site


def test_twenty_lanes_lead_through_the_live_link(site: str) -> None:
    lanes = re.findall(r"server unix:/srv/store-front/live/(\d\d)\.sock", site)

    assert lanes == [f"{number:02d}" for number in range(20)]


def test_a_slot_that_was_down_for_a_moment_is_asked_again_at_once(site: str) -> None:
    assert site.count(".sock max_fails=0;") == 20


def test_workers_of_nginx_share_the_lanes(site: str) -> None:
    assert "zone turnout_store_front " in block(site, "upstream turnout_store_front {")


def test_a_slow_request_runs_once(site: str) -> None:
    assert "proxy_next_upstream error;" in site
    assert "proxy_next_upstream_tries 2;" in site


def test_connections_to_the_app_are_kept_for_half_a_second_at_most(site: str) -> None:
    upstream = block(site, "upstream turnout_store_front {")
    assert "keepalive 256;" in upstream
    assert "keepalive_requests 100;" in upstream
    assert "keepalive_timeout 500ms;" in upstream
    assert "proxy_http_version 1.1;" in site
    assert '"" "";' in block(site, "map $http_upgrade")


def test_worker_classes_without_the_hook_get_no_kept_connection(render: Render) -> None:
    site = render("nginx_site", "site.conf.j2", nginx_site_kept_connections=False, **SITE)

    assert "keepalive" not in site
    assert '"" "close";' in block(site, "map $http_upgrade")


def test_the_log_tells_which_lane_was_asked_and_how_long_its_answer_took_to_begin(
    site: str,
) -> None:
    line = site.split("log_format")[1].split(";")[0]

    for field in ('"lane":"$upstream_addr"', '"header_seconds":"$upstream_header_time"'):
        assert field in line


def test_websockets_are_upgraded(site: str) -> None:
    assert "default upgrade;" in block(site, "map $http_upgrade")
    assert "proxy_set_header Upgrade $http_upgrade;" in site
    assert "proxy_set_header Connection $turnout_store_front_connection;" in site


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("Host", "$host$turnout_store_front_host_suffix"),
        ("X-Real-IP", "$remote_addr"),
        ("X-Forwarded-For", "$remote_addr"),
        ("X-Forwarded-Proto", "$scheme"),
        ("X-Forwarded-Host", "$host$turnout_store_front_host_suffix"),
        ("X-Forwarded-Port", "$turnout_store_front_port"),
        ("X-Request-ID", "$turnout_store_front_request_id"),
    ],
)
def test_app_is_told_who_asked_for_what(site: str, header: str, value: str) -> None:
    assert f"proxy_set_header {header} {value};" in site


def test_port_is_the_one_the_user_typed_and_else_the_one_of_nginx(site: str) -> None:
    port = block(site, "map $http_host $turnout_store_front_port {")
    suffix = block(site, "map $http_host $turnout_store_front_host_suffix {")

    assert "default $server_port;" in port
    assert '"~:([0-9]+)$" $1;' in port
    assert 'default "";' in suffix
    assert '"~(:[0-9]+)$" $1;' in suffix


def test_request_id_is_the_callers_if_it_is_harmless(site: str) -> None:
    ids = block(site, "map $http_x_request_id")

    assert "default $request_id;" in ids
    assert '"~^[A-Za-z0-9._-]+$" $http_x_request_id;' in ids
    assert "add_header X-Request-ID $turnout_store_front_request_id always;" in site
    assert "proxy_hide_header X-Request-ID;" in site


def test_site_listens_on_both_protocols(site: str) -> None:
    assert "listen 80;" in site
    assert "listen [::]:80;" in site


def test_everything_else_goes_to_the_app(site: str) -> None:
    assert "proxy_pass http://turnout_store_front;" in block(site, "location / {")


@pytest.mark.parametrize("location", ["= /metrics", "^~ /metrics/", "= /admin", "^~ /admin/"])
def test_private_paths_answer_this_host_and_named_networks_only(
    render: Render, location: str
) -> None:
    private = {
        "nginx_site_private_paths": ["/metrics", "/admin/"],
        "nginx_site_private_networks": ["10.1.0.0/16"],
    }
    kept = block(render("nginx_site", "site.conf.j2", **SITE, **private), f"location {location} {{")

    rules = [line.strip() for line in kept.splitlines() if "allow" in line or "deny" in line]
    assert rules == ["allow 127.0.0.1;", "allow ::1;", "allow 10.1.0.0/16;", "deny all;"]


def test_release_is_shown_to_this_host_only(site: str) -> None:
    seen_by = block(site, "map $remote_addr").splitlines()[1:-1]

    assert [line.split()[0] for line in seen_by] == ["default", "127.0.0.1", "::1"]
    assert 'default "";' in seen_by[0]
    assert "add_header X-Turnout-Release $turnout_store_front_release always;" in site


def test_server_header_of_the_slot_never_leaves(site: str) -> None:
    assert "proxy_hide_header Server;" in site
    assert "proxy_hide_header X-Turnout-Release;" in site
    assert "server_tokens off;" in site


def test_log_tells_the_probe_from_a_visitor(site: str) -> None:
    assert '"agent":"$http_user_agent"' in site


def test_log_holds_the_release_and_no_query(site: str) -> None:
    start = site.index("log_format")
    log_format = site[start : site.index(";", start)]

    for part in ("$uri", "$status", "$request_time", "$upstream_response_time"):
        assert part in log_format
    assert "$upstream_http_server" in log_format
    assert "$request_uri" not in log_format
    assert "$args" not in log_format
    log = "/var/log/nginx/store-front.access.log turnout_store_front"
    # Collected, since a write for each request costs more than what it writes; kept for a second.
    assert f"access_log {log} buffer=32k flush=1s;" in site


def test_body_size_and_read_timeout_are_the_apps(render: Render) -> None:
    site = render(
        "nginx_site",
        "site.conf.j2",
        nginx_site_body_size="2g",
        nginx_site_read_timeout_seconds=600,
        **SITE,
    )

    assert "client_max_body_size 2g;" in site
    assert "proxy_read_timeout 600s;" in site


def test_unbuffered_paths_pass_both_ways_at_once(render: Render) -> None:
    site = render("nginx_site", "site.conf.j2", nginx_site_unbuffered_paths=["/events"], **SITE)

    location = block(site, "location ^~ /events {")
    assert "proxy_pass http://turnout_store_front;" in location
    assert "proxy_buffering off;" in location
    assert "proxy_request_buffering off;" in location
    assert "location / {" in site


def test_a_site_may_be_unbuffered_altogether(render: Render) -> None:
    site = render("nginx_site", "site.conf.j2", nginx_site_unbuffered_paths=["/"], **SITE)

    assert "location ^~ / {" in site
    assert "location / {" not in site


STATIC = {
    "nginx_site_static": [
        {"url": "/static/", "path": "static"},
        {"url": "/ui.v1", "path": "site-packages/ui"},
    ]
}


def test_static_folders_follow_the_live_link_and_then_the_other_slot_s(render: Render) -> None:
    site = render("nginx_site", "site.conf.j2", **STATIC, **SITE)
    first, second = (block(site, f"location ^~ {url}/ {{") for url in ("/static", "/ui.v1"))

    assert "root /srv/store-front;" in first
    assert "try_files /live/static/0$uri /live/static-other/0$uri =404;" in first
    assert "try_files /live/static/1$uri /live/static-other/1$uri =404;" in second
    assert r"rewrite ^/ui\.v1(/.*)$ $1 break;" in second


def test_browsers_keep_what_has_a_digest_in_its_name_and_ask_again_for_all_else(
    render: Render,
) -> None:
    site = render("nginx_site", "site.conf.j2", **STATIC, **SITE)
    rule = re.search(r'"~\*(.*)" max;', block(site, "map $uri $turnout_store_front_expires"))
    assert rule

    assert "expires $turnout_store_front_expires;" in block(site, "location ^~ /static/ {")
    for name in ("/app.3f2a1b9c.css", "/app-3F2A1B9C00.min.js"):
        assert re.search(rule[1], name, re.IGNORECASE), name
    for name in ("/app.css", "/decade.css", "/a-decade.js", "/2026-11-24.pdf", "/v1.2.3.js"):
        assert not re.search(rule[1], name, re.IGNORECASE), name


def test_what_the_build_has_compressed_is_served_as_it_is(render: Render) -> None:
    site = render("nginx_site", "site.conf.j2", **STATIC, **SITE)

    assert site.count("gzip_static on;") == 2
    assert "gzip" not in block(site, "location / {")


def test_static_files_are_left_to_the_application_by_default(site: str) -> None:
    assert "try_files" not in site


def test_with_a_certificate_plain_http_only_sends_users_on(render: Render) -> None:
    site = render("nginx_site", "site.conf.j2", **SITE, **TLS)
    plain, secure = site[site.index("\nserver {") :].split("\nserver {")[1:]

    assert "return 301 https://$host$request_uri;" in plain
    assert "proxy_pass" not in plain
    assert "listen 80;" in plain
    assert "server_name shop.example.com www.example.com;" in plain
    assert "listen 443 ssl;" in secure
    assert "ssl_protocols TLSv1.2 TLSv1.3;" in secure
    assert "ssl_certificate /etc/ssl/shop/fullchain.pem;" in secure
    assert "ssl_certificate_key /etc/ssl/shop/key.pem;" in secure


def test_unknown_names_reach_no_app(render: Render) -> None:
    default = render("nginx_site", "default_http.conf.j2", **SITE)

    assert "listen 80 default_server;" in default
    assert "return 404" in default
    assert "proxy_pass" not in default


def test_unknown_names_see_no_certificate(render: Render) -> None:
    default = render("nginx_site", "default_https.conf.j2", **SITE)

    assert "listen 443 ssl default_server;" in default
    assert "ssl_reject_handshake on;" in default


def test_sites_of_two_apps_share_no_name(render: Render, site: str) -> None:
    other = render("nginx_site", "site.conf.j2", **{**SITE, "nginx_site_app": "back-office"})
    ours = r"(?:^upstream|^map \S+|^log_format|^    zone) (\S+)"

    assert not set(re.findall(ours, site, re.M)) & set(re.findall(ours, other, re.M))


def certificate(folder: Path) -> dict[str, str]:
    """Make a certificate that nginx accepts."""
    key, chain = folder / "key.pem", folder / "chain.pem"
    names = ["-subj", "/CN=shop.example.com"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *names]
    subprocess.run([*command, "-keyout", key, "-out", chain], check=True, capture_output=True)
    return {"nginx_site_tls_certificate": str(chain), "nginx_site_tls_key": str(key)}


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not on this machine")
@pytest.mark.parametrize("secure", [False, True], ids=["http", "https"])
def test_nginx_accepts_the_site(render: Render, tmp_path: Path, secure: bool) -> None:
    every: dict[str, Any] = {
        **SITE,
        "nginx_site_http_port": 18999,
        "nginx_site_https_port": 18998,
        "nginx_site_static": [{"url": "/static/", "path": "static"}],
        "nginx_site_unbuffered_paths": ["/events"],
        **(certificate(tmp_path) if secure else {}),
    }
    names = ["site.conf.j2", "default_http.conf.j2"]
    names += ["default_https.conf.j2"] if secure else []
    text = "".join(render("nginx_site", name, **every) for name in names)
    text = text.replace("/var/log/nginx/", f"{tmp_path}/")
    main = tmp_path / "nginx.conf"
    main.write_text(
        f"pid {tmp_path}/pid;\nerror_log {tmp_path}/error.log;\nevents {{}}\nhttp {{\n{text}}}\n"
    )

    result = subprocess.run(
        ["nginx", "-t", "-c", main, "-p", tmp_path],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )

    assert result.returncode == 0, result.stderr
