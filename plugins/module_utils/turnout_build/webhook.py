"""Tell a chat how a deploy ended: one POST, in the form that Slack and its likes take."""

from __future__ import annotations

import http.client
import json
import re
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

TIMEOUT_SECONDS = 5
# All of an address that may be told: what follows is the secret, and so is what is before an @.
_SITE = re.compile(r"https?://[\w.:-]+(?=[/?#]|$)", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Ending:
    """How a deploy or rollback ended.

    Args:
        action: `deploy` or `rollback`.
        cause: the first cause of a failure; '' for a success.
        where: where the traffic is after a failure.
        receipt: the receipt in a line, if there is one.
    """

    action: str
    app: str
    environment: str
    release: str
    actor: str
    hosts: Sequence[str]
    seconds: float
    cause: str = ""
    where: str = ""
    receipt: str = ""


def text(ending: Ending) -> str:
    """Return the message, with nothing in it that a chat would take for a command."""
    hosts, took = ", ".join(ending.hosts), f"{ending.seconds:.1f} s"
    if ending.cause:
        lines = [
            f"*{ending.app}* in *{ending.environment}*: the {ending.action} of {ending.release} by "
            f"{ending.actor} to {hosts} failed after {took}, and {ending.where}.",
            ending.cause,
        ]
    else:
        lines = [
            f"*{ending.app}* in *{ending.environment}*: {ending.release} is live on {hosts} "
            f"({ending.action} by {ending.actor}, {took})."
        ]
    lines += [ending.receipt] if ending.receipt else []
    words = "\n".join(lines)
    return words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def post(url: str, words: str, *, timeout: float = TIMEOUT_SECONDS) -> str:
    """Send the message.

    Args:
        url: the webhook's address, which is a secret: whoever has it may write.
        timeout: seconds.

    Returns:
        What went wrong, '' if nothing did; never the address.
    """
    try:
        request = urllib.request.Request(  # noqa: S310 the settings allow http and https only
            url,
            json.dumps({"text": words}).encode(),
            {"Content-Type": "application/json", "User-Agent": "turnout"},
        )
        with urllib.request.build_opener(_Stay).open(request, timeout=timeout):
            return ""
    except urllib.error.HTTPError as error:
        return f"it answered {error.code}{_elsewhere(error)}"
    except urllib.error.URLError as error:
        return f"it cannot be reached: {error.reason}"
    except TimeoutError:
        return f"it did not answer within {timeout:g} s"
    except (OSError, ValueError, http.client.HTTPException) as error:
        # Some of these quote the address.
        return f"it cannot be reached ({type(error).__name__})"


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: what follows a POST's would be a GET, without the message."""

    def redirect_request(self, *_arguments: Any) -> None:
        """Refuse, so that the answer is an error as any other."""


def _elsewhere(error: urllib.error.HTTPError) -> str:
    """Return where an answer redirects to, without the secret part of that address."""
    to = error.headers.get("Location")
    if not to or error.code not in (301, 302, 303, 307, 308):
        return ""
    site = _SITE.match(to)
    where = site[0] if site else "another address"
    return f", a redirect to {where}, which is not followed: set the address that it has now"
