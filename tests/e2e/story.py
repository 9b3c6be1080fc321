"""The main job in the browser, told once: from the sign-in to the verified result of a restore."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from .browsing import Visit
from .contents import CATALOG, CATALOG_NAMES, CONFIGURATIONS

GONE = CATALOG_NAMES[:6]
CHANGED = CATALOG_NAMES[6:8]
RENAMED = "Custom proxy"


@dataclass
class Told:
    """What was seen while the story was told."""

    paths: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    descriptions: dict[str, str] = field(default_factory=dict)
    """Of the settings catalog policies and the renamed one, by name, as the tenant had them at the end."""
    state: Any = None
    percents: list[int] = field(default_factory=list)
    announced: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    polls_while_open: int = 0
    polls_after_the_end: int = 0


def tell(visit: Visit, ids: dict[str, str]) -> Told:
    """Play all of it."""
    told = Told()
    page = visit.page
    _write_down_what_is_announced(visit)
    page.goto(visit.site.url)
    visit.sign_in()
    told.state = page.context.storage_state()
    _keep(told, visit, "first dashboard")
    _know_the_tenant(told, visit)
    _back_up(told, visit)
    _have_an_accident(visit, ids)
    _see_the_drift(told, visit)
    _preview(told, visit)
    _execute(told, visit)
    _ask_the_tenant(told, visit)
    return told


def _write_down_what_is_announced(visit: Visit) -> None:
    visit.page.add_init_script(
        """
        window.addEventListener("DOMContentLoaded", () => {
          const region = document.getElementById("announcer");
          if (!region) return;
          new MutationObserver(() => {
            const said = JSON.parse(sessionStorage.getItem("said") || "[]");
            sessionStorage.setItem("said", JSON.stringify([...said, region.textContent]));
          }).observe(region, { childList: true });
        });
        """
    )


def _keep(told: Told, visit: Visit, name: str) -> None:
    told.paths[name] = visit.page.url.removeprefix(visit.site.url)
    told.texts[name] = visit.text()


def _know_the_tenant(told: Told, visit: Visit) -> None:
    visit.open("connection/")
    visit.press("Sync groups")
    visit.await_end()
    visit.open("connection/")
    visit.press("Check connection")
    visit.await_end()
    visit.press("Show the connection")
    _keep(told, visit, "connection")
    visit.open("policies/")
    _keep(told, visit, "no policies")
    visit.press("Sync now")
    visit.await_end()
    visit.press("Show the policies")
    _keep(told, visit, "policies")


def _back_up(told: Told, visit: Visit) -> None:
    visit.press("Back up all")
    visit.await_end()
    _keep(told, visit, "capture")
    visit.page.click("dd a:has-text('Backup set')")
    _keep(told, visit, "backup set")


def _have_an_accident(visit: Visit, ids: dict[str, str]) -> None:
    for name in GONE:
        visit.site.remove(CATALOG, ids[name])
    for name in CHANGED:
        visit.site.change(CATALOG, ids[name], description="Changed by somebody")
    visit.site.change(CONFIGURATIONS, ids[RENAMED], description="Changed by somebody")


def _see_the_drift(told: Told, visit: Visit) -> None:
    visit.press("Compare with live")
    visit.await_end()
    visit.press("Show the comparison")
    _keep(told, visit, "drift report")


def _preview(told: Told, visit: Visit) -> None:
    visit.press("Restore from this set…")
    _keep(told, visit, "source")
    visit.press("Next: policies")
    _keep(told, visit, "policies step")
    visit.press("Next: options")
    _keep(told, visit, "options step")
    visit.press("Next: mapping")
    _keep(told, visit, "mapping step")
    visit.press("Next: preview")
    _keep(told, visit, "preview step")
    visit.press("Preview restore")
    visit.await_end()
    _keep(told, visit, "preview")
    visit.press("View run")
    _keep(told, visit, "preview run")
    visit.press("Show the preview")
    visit.press("Next: review")
    _keep(told, visit, "review")


def _execute(told: Told, visit: Visit) -> None:
    page = visit.page
    visit.site.slow_down(assigns=len(GONE))
    page.check("#acknowledged")
    page.fill("#reason", "Somebody deleted them")
    visit.press("Restore 9 policies")
    page.wait_for_selector("#live progress")
    _keep(told, visit, "running restore")
    while page.locator("#live progress").count():
        visit.picture("running restore")
        told.percents.append(int(page.inner_text(".percent").rstrip(" %")))
        told.titles.append(page.title())
        page.wait_for_function(
            "now => document.querySelector('.percent')?.innerText !== now",
            arg=f"{told.percents[-1]} %",
        )
    visit.await_end()
    visit.site.speed_up()
    _keep(told, visit, "restore run")
    told.titles.append(page.title())
    told.polls_while_open = visit.asked("/live/")
    visit.pass_a_minute()
    told.polls_after_the_end = visit.asked("/live/") - told.polls_while_open
    told.announced = page.evaluate("JSON.parse(sessionStorage.getItem('said') || '[]')")
    visit.press("Show the result")
    _keep(told, visit, "result")


def _ask_the_tenant(told: Told, visit: Visit) -> None:
    for collection, names in ((CATALOG, visit.site.names(CATALOG)), (CONFIGURATIONS, [RENAMED])):
        for name in names:
            told.descriptions[name] = visit.site.body(collection, name)["description"]
