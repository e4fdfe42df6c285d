"""A WebSocket that sends back what it gets, and says which slot it is in."""

import os

from flask import Flask
from flask_sock import Sock

app = Flask(__name__)
# nginx ends a session in which nothing moves; a ping moves.
app.config["SOCK_SERVER_OPTIONS"] = {"ping_interval": 5, "max_message_size": 8 * 1024 * 1024}
sock = Sock(app)


@app.get("/health")
def health():
    """Say that this process answers."""
    return {"release": os.environ.get("TURNOUT_RELEASE")}


@sock.route("/echo")
def echo(session):
    """Greet with the slot, then send everything back, until the client goes."""
    session.send(os.environ["TURNOUT_SLOT"])
    while True:
        session.send(session.receive())
