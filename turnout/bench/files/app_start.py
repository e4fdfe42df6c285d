"""Runs on the VM: start the idle slot and print the seconds until its first 200.

Restarting what is idle disturbs nobody. Standard library only; the bench sends it by SSH.
"""

import http.client
import socket
import subprocess
import sys
import time
from pathlib import Path

app, path = sys.argv[1:3]
live = (Path("/srv") / app / "live").readlink().name
slot = "green" if live == "blue" else "blue"
LIMIT = 60.0


class Local(http.client.HTTPConnection):
    """HTTP over the slot's own socket."""

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(LIMIT)
        self.sock.connect(f"/run/{app}.sockets/{slot}.sock")


def systemctl(*words: str) -> None:
    subprocess.run(["systemctl", *words], check=True)


def answers() -> bool:
    connection = Local("localhost")
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


systemctl("stop", f"{app}@{slot}.socket", f"{app}@{slot}.service")
systemctl("start", f"{app}@{slot}.socket")
started = time.monotonic()
systemctl("start", f"{app}@{slot}.service")
while not answers():
    if time.monotonic() - started > LIMIT:
        sys.exit(f"{slot} does not answer {path} with 200")
    time.sleep(0.01)
print(time.monotonic() - started)
