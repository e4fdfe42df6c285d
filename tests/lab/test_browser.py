"""What a person sees in a real browser: the page, and a deploy that passes under their eyes."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.lab.site import Site
from turnout.lab_packages import install, missing_programs

pytestmark = pytest.mark.lab

# No sandbox: tests may run as root. The rest keeps the browser from asking the outside world.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE = {"width": 360, "height": 740}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, installed if need be."""
    install(missing_programs(["chromium"]), print)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=list(FLAGS)
        )
        yield running
        running.close()


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def page(request: pytest.FixtureRequest, browser: Browser, site: Site) -> Iterator[Page]:
    """The page on a phone and on a desk."""
    yield from opened(browser, site, viewport=request.param)


@pytest.fixture
def without_javascript(browser: Browser, site: Site) -> Iterator[Page]:
    yield from opened(browser, site, java_script_enabled=False)


def opened(browser: Browser, site: Site, **options: object) -> Iterator[Page]:
    context = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(site.url.replace("127.0.0.1", "localhost"))
    yield page
    context.close()


def write_into_the_book(page: Page, name: str, message: str) -> None:
    page.get_by_label("Your name").fill(name)
    page.get_by_label("Message").fill(message)
    page.get_by_role("button", name="Write").click()


def test_nothing_is_wider_than_the_screen(page: Page) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_to_complain_about(page: Page, scheme: str) -> None:
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    write_into_the_book(page, "Axe", "labels, contrast, order")
    expect(page.get_by_text("Thank you")).to_be_visible()

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


def test_the_browser_finds_nothing_that_its_policy_forbids(page: Page) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))

    page.reload(wait_until="networkidle")
    expect(page.locator("#asked")).not_to_have_text("0")

    assert complaints == []


def test_a_guest_writes_without_javascript(without_javascript: Page) -> None:
    write_into_the_book(without_javascript, "Ada", "from a text browser")

    expect(without_javascript.get_by_text("Thank you")).to_be_visible()
    expect(without_javascript.get_by_text("from a text browser")).to_be_visible()


def test_a_mistake_is_said_beside_the_field_and_nothing_typed_is_lost(
    without_javascript: Page,
) -> None:
    write_into_the_book(without_javascript, "   ", "a message that took an hour to write")

    field = without_javascript.get_by_label("Your name")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description("This is empty.")
    expect(without_javascript.get_by_label("Message")).to_have_value(
        "a message that took an hour to write"
    )


def test_one_sees_a_deploy_pass_from_slot_to_slot_without_a_failed_poll(
    browser: Browser, site: Site
) -> None:
    for page in opened(browser, site, viewport=DESK):
        old = site.status()["live"]
        new = {"blue": "green", "green": "blue"}[old]
        slot = page.locator('[data-is="slot"]')
        expect(slot).to_have_text(old)
        write_into_the_book(page, "A guest", f"written while {old} was live")
        expect(page.locator("#asked")).not_to_have_text("0")

        deploy = threading.Thread(target=site.deploy, args=["seen in the browser"])
        deploy.start()
        expect(slot).to_have_text(new, timeout=120_000)
        deploy.join()

        expect(page).to_have_title(f"Hello from {new}")
        expect(page.locator("#failed")).to_have_text("0")
        assert page.locator(f"#polls .slot-{old}").count() >= 3
        assert page.locator("#polls .failed").count() == 0
        page.reload()
        expect(page.get_by_text(f"written while {old} was live")).to_be_visible()
        expect(page.get_by_role("row").nth(1)).to_contain_text(new)
