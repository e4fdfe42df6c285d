"""The build library: one commit and one lock give one artifact.

Standard library only, and the program ``uv``; runs on the controller, never on a host.
"""

from .artifact import Artifact, load
from .build import build, known_name
from .errors import BuildError
from .revision import release_name, revision
from .room import check as check_room
from .signing import sign, signature
from .spec import AppSpec, Target
from .uv_program import uv_program
from .wheels import WheelSet

__all__ = [
    "AppSpec",
    "Artifact",
    "BuildError",
    "Target",
    "WheelSet",
    "build",
    "check_room",
    "known_name",
    "load",
    "release_name",
    "revision",
    "sign",
    "signature",
    "uv_program",
]
