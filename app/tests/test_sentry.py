"""Errors reach Sentry, without what must stay secret."""

import gzip
import http.server
import subprocess
import sys
import threading

import pytest

from hello.config import APP_FOLDER

PROGRAM = """
import sentry_sdk
from hello import create_app
app = create_app()
@app.get("/broken")
def broken():
    raise RuntimeError("cannot log in with password=hunter2")
app.test_client().get("/broken", headers={"Cookie": "session=abcdef123456"})
sentry_sdk.flush(10)
"""


@pytest.fixture
def collector():
    """A server that takes what Sentry's would."""
    bodies = []

    class Collector(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            bodies.append(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://key@127.0.0.1:{server.server_port}/1", bodies
        server.shutdown()


@pytest.fixture
def run(environ, inherited):
    """Run a program that uses the app in production."""
    production = {"APP_ENV": "production", "SECRET_KEY": "only for tests, but long"}

    def run(program, **more):
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=APP_FOLDER,
            env={**inherited, **environ, **production, **more},
            capture_output=True,
            text=True,
            check=True,
        )

    return run


def test_an_error_is_reported_with_its_release_and_without_secrets(environ, run, collector):
    dsn, bodies = collector

    run(PROGRAM, SENTRY_DSN=dsn)

    told = b"".join(bodies).decode()
    assert "cannot log in" in told
    assert environ["TURNOUT_RELEASE"] in told
    for leak in ("hunter2", "abcdef123456"):
        assert leak not in told


def test_without_the_extra_the_app_starts_and_says_what_is_missing(run):
    without = (
        "import sys; sys.modules['sentry_sdk'] = None; from hello import create_app; create_app()"
    )

    done = run(without, SENTRY_DSN="https://key@sentry.example.com/1")

    assert "sentry-sdk is missing" in done.stderr
