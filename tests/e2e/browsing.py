"""A real browser, and what it must never say while it looks at our pages."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from .site import EMAIL, PASSWORD, Site

ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_MS = 30_000
#: A folder for pictures of the pages, to be looked at by people; none are taken without it.
PICTURES = os.environ.get("ATLAS_TEST_PICTURES", "")


@dataclass
class Visit:
    """One browser window and what happened in it."""

    page: Page
    site: Site
    scripts: bool = True
    leads_to: str = ""
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.set_default_timeout(PATIENCE_MS)
        if self.scripts:
            self.page.clock.install()
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning") and not self._is_elsewhere(message.location["url"]):
            self.complaints.append(f"{message.text} at {self.page.url}")

    def _is_elsewhere(self, url: str) -> bool:
        return bool(self.leads_to) and url.startswith(self.leads_to)

    def _see(self, request: Request) -> None:
        self.requests.append(request.url)

    def asked(self, part: str) -> int:
        """How many requests had this in their address."""
        return sum(part in url for url in self.requests)

    def strangers(self) -> list[str]:
        """Requests to another origin than ours, and than the one that the visit leads to."""
        known = f"{self.site.url} {self.leads_to}"
        return [url for url in self.requests if f"//{urlsplit(url).netloc}" not in known]

    def open(self, path: str) -> None:
        """Go to a page of the tenant."""
        self.page.goto(self.site.page(path))

    def press(self, words: str) -> None:
        """Press the button, or follow the link, that reads like this."""
        both = self.page.get_by_role("button", name=words).or_(self.page.get_by_role("link", name=words))
        both.first.click()

    def await_end(self) -> None:
        """Until the run of this page has ended, as the page itself finds out. Its timers are hurried."""
        while self.page.locator("#live[hx-get]").count():
            self.page.clock.run_for(2_000)
            self.page.wait_for_timeout(200)
        self.page.wait_for_selector("#live:not([hx-get])")

    def await_text(self, words: str) -> None:
        """Until the page says this. Its timers are hurried."""
        there = self.page.locator("main").get_by_text(words)
        while not there.count():
            self.page.clock.run_for(2_000)
            self.page.wait_for_timeout(200)

    def pass_a_minute(self) -> None:
        """Every timer of the page that is due within a minute fires; what it asked for is answered."""
        self.page.clock.run_for(60_000)
        self.page.wait_for_load_state("networkidle")

    def preview_restore(self) -> None:
        """Through the wizard, with everything of the newest backup set, to the review of the preview."""
        self.open("restore/new/")
        for step in ("policies", "options", "mapping", "preview"):
            self.press(f"Next: {step}")
        self.press("Preview restore")
        self.await_end()
        self.press("Next: review")

    def text(self) -> str:
        """What one reads on the page."""
        return " ".join(self.page.inner_text("main").split())

    def picture(self, name: str) -> None:
        """Keep a picture of the whole page, where somebody asked for pictures."""
        if PICTURES:
            self.page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)

    def sign_in(self, email: str = EMAIL) -> None:
        """As the owner, or as somebody who chose the same password."""
        self.page.fill("#email", email)
        self.page.fill("#password", PASSWORD)
        self.press("Sign in")
        self.page.wait_for_url(lambda url: "sign-in" not in url)


@contextmanager
def visiting(
    browser: Browser, site: Site, *, scripts: bool = True, state: Any = None, leads_to: str = ""
) -> Iterator[Visit]:
    """A window of its own; at its end nothing was complained about and nobody else was asked.

    Another origin that the visit leads to may present a certificate that the browser does not know.
    """
    context: BrowserContext = browser.new_context(
        viewport={"width": 1200, "height": 800},
        reduced_motion="reduce",
        java_script_enabled=scripts,
        storage_state=state,
        ignore_https_errors=bool(leads_to),
    )
    try:
        visit = Visit(context.new_page(), site, scripts, leads_to)
        yield visit
        assert visit.complaints == [], visit.complaints
        assert visit.strangers() == [], visit.strangers()
    finally:
        context.close()
