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
_UNREAD_SECONDS, _UNREAD_BYTES = 5.0, 2**16
_GRACEFUL = {"graceful": True} if "graceful" in inspect.signature(TConn.close).parameters else {}


class Worker(ThreadWorker):  # type: ignore[misc]
    """Threads that each wait for a new connection or the next request on a kept one.

    Of gthread it uses what that has had since gunicorn 22: a connection, and what answers it.
    """

    _seconds = 0.0  # that a request takes, on average

    def run(self) -> None:
        """Serve until gunicorn wants the worker to end, and end what was begun."""
        if not hasattr(select, "epoll"):
            # The app has patched Python for greenlets, which take epoll away: no thread is one.
            super().run()
            return
        self._open: set[TConn] = set()
        self._kept: dict[int, TConn] = {}
        self._process = os.getpid()
        self._listeners = {listener.fileno(): listener for listener in self.sockets}
        self._poll, self._accepting, self._is_over = select.epoll(), threading.Lock(), False
        self._end, end = os.pipe()
        self._poll.register(self._end, select.EPOLLIN)
        for listener in self.sockets:
            listener.setblocking(False)
        for _ in range(self.cfg.threads):
            threading.Thread(target=self._serve, daemon=True).start()
        while self.alive and self.is_parent_alive():  # type: ignore[has-type]
            self.notify()
            # Again and again: who is woken and does not take a connection, as a worker that stops,
            # is the only one who was.
            with self._accepting:
                for listener in self.sockets:
                    self._stand_in_line(listener)
            # A signal writes into this pipe, and who answers the last request of a worker's life.
            if select.select([self.PIPE[0]], [], [], 1.0)[0]:
                os.read(self.PIPE[0], 4096)
        self.alive = False
        self._finish()
        os.close(end)

    def handle_request(self, req: Any, conn: TConn) -> Any:
        """Answer a request, and keep its connection if requests are quick."""
        if self._seconds > KEPT_BELOW_SECONDS:
            req.force_close()
        began = time.monotonic()
        try:
            kept = super().handle_request(req, conn)
        finally:
            self._seconds += (time.monotonic() - began - self._seconds) / _REQUESTS_AVERAGED
            if not self.alive:
                with contextlib.suppress(BlockingIOError):
                    os.write(self.PIPE[1], b".")
        # What the app left unread nginx may still be sending: a connection that is closed before
        # would be a 502 in place of the answer.
        until = time.monotonic() + _UNREAD_SECONDS
        while time.monotonic() < until and req.body.read(_UNREAD_BYTES):
            pass
        return kept

    def _stand_in_line(self, listener: socket.socket) -> None:
        """Let the other workers be asked first: who comes last is woken last."""
        with contextlib.suppress(FileNotFoundError):
            self._poll.unregister(listener)
        self._poll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)

    def _finish(self) -> None:
        with self._accepting:
            self._is_over = True
            for listener in self.sockets:
                with contextlib.suppress(FileNotFoundError):  # it ends before it has begun
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
        conn, watch, is_asked = self._kept.pop(number, None), self._poll.modify, True
        if conn is None:
            conn, watch = self._accept(self._listeners[number]), self._poll.register
            if conn is None:
                return
            is_asked = _has_come(conn.sock)
        try:
            if not is_asked or self._answer(conn):
                number = conn.sock.fileno()
                self._kept[number] = conn
                watch(number, select.EPOLLIN | select.EPOLLONESHOT)
                return
        except Exception:
            self._kept.pop(number, None)
            self.log.exception("a connection could not be kept")
        try:
            if conn.sock.fileno() >= 0:  # gunicorn itself closes one whose answer broke off
                conn.close(**_GRACEFUL)
        finally:
            self._open.discard(conn)

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
        return conn

    def _answer(self, conn: TConn) -> bool:
        """Answer what has come on a connection; say whether it is kept."""
        kept: Any = False
        try:
            if conn.parser is None:
                conn.init()
                conn.data_ready = True  # or gunicorn waits for what nginx sends at once
            try:
                kept = self.handle(conn)
            finally:
                if os.getpid() != self._process:
                    os._exit(1)  # a child that the app has forked: the rest is its parent's
        except BaseException:  # an app's `sys.exit()` ends its request, not the thread
            self.log.exception("the app ended a thread")
        # gunicorn before 25 returns the connection, too.
        return bool(kept[0] if isinstance(kept, tuple) else kept)


def _has_come(client: socket.socket) -> bool:
    """Say whether reading returns at once, or a thread would wait for who says nothing."""
    try:
        client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True  # whoever reads sees it again
    return True
