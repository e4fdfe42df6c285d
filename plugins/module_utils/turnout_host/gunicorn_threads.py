"""gunicorn's worker of a release: its gthread, whose threads take the requests themselves.

Stage copies this file beside ``gunicorn.conf.py``, and it imports only the standard library and
gunicorn. gunicorn's own main thread accepts whatever comes and hands it to threads: a request may
wait at a busy worker while another has nothing to do, and each passes through two threads. Here
only a thread that is free takes a request, whichever worker it belongs to.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import select
import socket
import threading
import time
from typing import Any

from gunicorn.workers.gthread import TConn, ThreadWorker  # type: ignore[import-untyped]

# A kept connection spares a connect, and binds what comes on it to one worker. Where requests take
# longer than this, waiting for that worker costs more.
KEPT_BELOW_SECONDS = 0.005
_REQUESTS_AVERAGED = 32
# Nginx closes what it keeps and does not use long before.
_IDLE_SECONDS = 5.0
_LOOK_SECONDS = 0.05
_GRACEFUL = {"graceful": True} if "graceful" in inspect.signature(TConn.close).parameters else {}


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that each wait for a new connection or the next request on a kept one.

    Of gthread it uses what that has had since gunicorn 20: a connection, and what answers it.
    """

    def run(self) -> None:
        """Serve until gunicorn wants the worker to end, and end what was begun."""
        self._seconds = 0.0
        self._open: set[TConn] = set()
        self._kept: dict[int, TConn] = {}
        self._listeners = {listener.fileno(): listener for listener in self.sockets}
        self._poll, self._accepting, self._is_over = select.epoll(), threading.Lock(), False
        self._end, end = os.pipe()
        self._poll.register(self._end, select.EPOLLIN)
        for listener in self.sockets:
            listener.setblocking(False)
            self._stand_in_line(listener)
        for _ in range(self.cfg.threads):
            threading.Thread(target=self._serve, daemon=True).start()
        while self.alive and self.is_parent_alive():
            self.notify()
            # A signal writes into this pipe, and who answers the last request of a worker's life.
            if select.select([self.PIPE[0]], [], [], 1.0)[0]:
                os.read(self.PIPE[0], 4096)
        self._finish()
        os.close(end)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request, and keep its connection if requests are quick."""
        if self._seconds > KEPT_BELOW_SECONDS:
            req.force_close()
        began = time.monotonic()
        try:
            return super().handle_request(req, conn)
        finally:
            self._seconds += (time.monotonic() - began - self._seconds) / _REQUESTS_AVERAGED
            if not self.alive:
                with contextlib.suppress(BlockingIOError):
                    os.write(self.PIPE[1], b".")

    def _stand_in_line(self, listener: socket.socket) -> None:
        """Let the other workers be asked first: who comes last is woken last."""
        with contextlib.suppress(FileNotFoundError):
            self._poll.unregister(listener)
        self._poll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _finish(self) -> None:
        with self._accepting:
            self._is_over = True
            for listener in self.sockets:
                self._poll.unregister(listener)
        now = time.monotonic()
        idle_until, until = now + _IDLE_SECONDS, now + self.cfg.graceful_timeout
        while self._open and now < until:
            # On a kept connection the next request may be on its way: nginx ends it, not we.
            if len(self._open) == len(self._kept) and now > idle_until:
                break
            self.notify()
            time.sleep(_LOOK_SECONDS)
            now = time.monotonic()

    def _serve(self) -> None:
        """Answer one request after the other, in a thread."""
        while True:
            for number, _event in self._poll.poll(maxevents=1):
                if number == self._end:
                    return
                try:
                    self._take(number)
                except Exception:
                    self.log.exception("a thread could not take a request")
                    time.sleep(_LOOK_SECONDS)

    def _take(self, number: int) -> None:
        conn = self._kept.pop(number, None)
        is_new = conn is None
        if conn is None:
            conn = self._accept(self._listeners[number])
        if conn is None:
            return
        if self._answer(conn):
            number = conn.sock.fileno()
            self._kept[number] = conn
            watch = self._poll.register if is_new else self._poll.modify
            watch(number, select.EPOLLIN | select.EPOLLONESHOT)
        else:
            self._open.discard(conn)
            conn.close(**_GRACEFUL)

    def _accept(self, listener: socket.socket) -> TConn | None:
        # Whoever ends the worker must see every connection that was taken.
        with self._accepting:
            if self._is_over:
                return None
            try:
                client, address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return None  # another worker was quicker, or the client has gone
            self._stand_in_line(listener)
            conn = TConn(self.cfg, client, address, listener.getsockname())
            self._open.add(conn)
        client.setblocking(True)
        conn.init()
        conn.data_ready = True  # or a thread waits for what nginx sends at once
        return conn

    def _answer(self, conn: TConn) -> bool:
        """Answer what has come on a connection; say whether it is kept."""
        try:
            kept = self.handle(conn)
        except BaseException:  # an app's `sys.exit()` ends its request, not the thread
            self.log.exception("the app ended a thread")
            return False
        # gunicorn before 25 returns the connection, too.
        return bool(kept[0] if isinstance(kept, tuple) else kept)
