"""Runs on the VM: wait until a site answers 200, or say what it answers instead."""

import http.client
import sys
import time

port, host, path = sys.argv[1:4]
LIMIT = 30.0


def answer() -> str:
    """Return the status, or what went wrong."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=5)
    try:
        connection.request("GET", path, headers={"Host": host, "Connection": "close"})
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error)
    finally:
        connection.close()


deadline = time.monotonic() + LIMIT
while (said := answer()) != "200":
    if time.monotonic() > deadline:
        sys.exit(f"{host}, port {port}: {path} answers {said}")
    time.sleep(0.1)
