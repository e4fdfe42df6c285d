"""Load the app as gunicorn will, and make sure that a WSGI server can call it.

Stage hands this source to the release's own Python. gunicorn's check alone takes a factory without
its parentheses for an application, which would then answer 500 to every request.
"""

from __future__ import annotations

import inspect
from typing import Any

# These call the app as WSGI says; any other worker class may have a protocol of its own.
WSGI_WORKERS = ("gunicorn_threads.Worker", "sync", "gthread", "gevent", "eventlet", "tornado")


def complaint(app: Any, entry: str) -> str:
    """Return why a server cannot call ``app`` with ``(environ, start_response)``, '' if it can."""
    try:
        inspect.signature(app).bind({}, print)
    except ValueError:
        return ""  # written in C: it does not tell what it takes
    except TypeError as error:
        hint = "" if entry.endswith(")") else f"; a factory is written {entry}()"
        return f"{entry} is no WSGI application: {error}{hint}"
    return ""


def main() -> None:
    """Run gunicorn's own check with two more questions."""
    from gunicorn.app.wsgiapp import WSGIApplication  # type: ignore[import-untyped]

    class Check(WSGIApplication):  # type: ignore[misc]
        def load(self) -> Any:
            try:
                app = super().load()
            except SystemExit as ended:
                raise RuntimeError(f"it ends itself, with exit code {ended.code}") from ended
            kind, entry = self.cfg.worker_class_str, str(self.cfg.wsgi_app)
            problem = complaint(app, entry) if kind in WSGI_WORKERS else ""
            if problem:
                raise TypeError(problem)
            return app

    Check(prog="gunicorn").run()


if __name__ == "__main__":
    main()
