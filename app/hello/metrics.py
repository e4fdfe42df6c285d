"""Metrics for Prometheus, added up over gunicorn's workers.

gunicorn.conf.py names a folder of the slot in PROMETHEUS_MULTIPROC_DIR before this is imported;
without it a process tells of itself only. nginx keeps /metrics from the world.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time

from flask import Blueprint, Flask, Response, g, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from .identity import identity_of

blueprint = Blueprint("metrics", __name__)

REQUESTS = Counter("http_requests", "Requests answered", ["method", "endpoint", "status"])
SECONDS = Histogram("http_request_seconds", "Seconds until the answer", ["method", "endpoint"])
ENTRIES_WRITTEN = Counter("guestbook_entries_written", "Entries written by this slot")
RUNNING = Gauge(
    "app_info", "Who answers", ["version", "release", "slot"], multiprocess_mode="livemax"
)
READS, READ_AGAIN_SECONDS = 10, 0.05
# Clients may invent methods; each would be a time series of its own.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def configure(app: Flask) -> None:
    """Count every request of the application."""
    app.before_request(begin)
    app.after_request(count)
    me = identity_of(app)
    RUNNING.labels(me.version, me.release or "", me.slot or "").set(1)


def begin() -> None:
    """Remember when the request came."""
    g.began = time.perf_counter()


def count(response: Response) -> Response:
    """Count the request by the view that answered, never by its path, which has no bound."""
    method = request.method if request.method in METHODS else "other"
    endpoint = request.endpoint or "none"
    REQUESTS.labels(method, endpoint, str(response.status_code)).inc()
    SECONDS.labels(method, endpoint).observe(time.perf_counter() - g.began)
    return response


@blueprint.get("/metrics")
def metrics() -> Response:
    """Return what Prometheus reads."""
    several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
    text = of_all_workers() if several else generate_latest(REGISTRY)
    return Response(text, content_type=CONTENT_TYPE_LATEST)


def of_all_workers() -> bytes:
    """Add up what the workers have counted.

    One that starts makes its files and fills them a moment later; whoever reads them in between
    reads again.
    """
    for _ in range(READS - 1):
        with contextlib.suppress(struct.error):
            return read_all()
        time.sleep(READ_AGAIN_SECONDS)
    return read_all()


def read_all() -> bytes:
    """Read the files of all workers once."""
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
