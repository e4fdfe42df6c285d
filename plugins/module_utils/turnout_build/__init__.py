"""The build library: one commit and one lock give one artifact.

Standard library only, and the program ``uv``; runs on the controller, never on a host.
"""

from .artifact import Artifact
from .build import build
from .errors import BuildError
from .revision import release_name, revision
from .spec import AppSpec, Target
from .wheels import WheelSet

__all__ = [
    "AppSpec",
    "Artifact",
    "BuildError",
    "Target",
    "WheelSet",
    "build",
    "release_name",
    "revision",
]
