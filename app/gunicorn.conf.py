"""gunicorn's settings that belong to this app; on a host Turnout adds its own."""

import multiprocessing
import os
import tempfile
import time
from pathlib import Path

if not os.environ.get("TURNOUT_RELEASE"):
    # Only where no deploy decides it.
    bind = os.environ.get("BIND", "127.0.0.1:8000")
    wsgi_app = "hello:create_app()"
    worker_class = "gthread"
    workers = int(os.environ.get("WEB_CONCURRENCY") or max(2, multiprocessing.cpu_count()))
    threads = 4
    # Workers are replaced now and then, not all at once, so that a slow leak never adds up.
    max_requests, max_requests_jitter = 100_000, 10_000
    graceful_timeout = 25  # below the 30 s after which an engine kills a container
    keepalive = 5
    worker_tmp_dir = "/dev/shm"  # noqa: S108 a heartbeat that waits for a disk looks like a dead worker
    control_socket_disable = True

# Workers add up their metrics in files. The folder is one start's own: a slot's runtime folder goes
# when the slot stops, and elsewhere each start makes a new one.
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    _base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
    _folder = Path(tempfile.mkdtemp(prefix="metrics-", dir=_base))
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(_folder)


def _about(record):
    """Put on a line what `hello.logs` puts on the app's; whoever imports the app is a worker."""
    instant = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    record.time = f"{instant}.{int(record.msecs):03}Z"
    record.level, record.logger = record.levelname, record.name
    record.source = f"{record.module}.py:{record.lineno}"
    record.request_id = None
    record.release = os.environ.get("TURNOUT_RELEASE") or None
    record.slot = os.environ.get("TURNOUT_SLOT") or None
    return True


# gunicorn's own lines look like the app's: for programs in production, for people elsewhere.
_production = (os.environ.get("APP_ENV") or "production") == "production"
if (os.environ.get("LOG_FORMAT") or ("json" if _production else "text")) == "json":
    _fields = ["time", "level", "logger", "source", "message", "request_id", "release", "slot"]
    logconfig_dict = {
        "filters": {"about": {"()": lambda: _about}},
        "formatters": {"json": {"()": "pythonjsonlogger.json.JsonFormatter", "fmt": _fields}},
        "handlers": {
            "own": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["about"]},
        },
        "loggers": {"gunicorn.error": {"handlers": ["own"], "propagate": False}},
        "root": {"handlers": []},  # the app's own, in the workers
    }


def child_exit(server, worker):
    """Drop a dead worker's gauges; its counters stay in the sum."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)
