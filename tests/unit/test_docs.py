"""What the documents list is what the code has."""

from __future__ import annotations

import re
import tomllib

import pytest

from turnout.paths import REPOSITORY

DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])


def test_the_checklist_names_every_variable_of_the_app_and_no_other() -> None:
    listed = re.findall(r"^\| `([A-Z_]+)` \|", (REPOSITORY / "docs/checklist.md").read_text(), re.M)
    # The app's own tests compare this file with its code.
    example = re.findall(r"^#?([A-Z_]+)=", (REPOSITORY / "app/.env.example").read_text(), re.M)

    assert listed == example


def test_the_checklist_names_metrics_that_the_app_has() -> None:
    page = (REPOSITORY / "docs/checklist.md").read_text()
    code = (REPOSITORY / "app/hello/metrics.py").read_text()
    for name in re.findall(r"`(http_[a-z_]+?)(?:_total)?`", page):
        assert f'"{name}"' in code


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_link_within_the_repository_leads_somewhere(document) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text()):
        # What begins with ../../actions is a page of the service that holds the repository.
        if not target.startswith("../../actions/"):
            assert (document.parent / target).exists(), target


def test_the_badge_claims_what_the_gate_holds() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    least = settings["tool"]["coverage"]["report"]["fail_under"]

    assert f"≥ {least} %" in (REPOSITORY / "docs/coverage.svg").read_text()
    assert f"At least {least} % of the branches" in (REPOSITORY / "README.md").read_text()
