// Keys, as the help lists them. They never act while one types, and none of them is the only way.
"use strict";
(function () {
  const off = document.body.dataset.keys === "off";
  let going = false;
  const at = {};
  const find = (selector) => document.querySelector(selector);
  const typing = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), select, textarea, [contenteditable]");

  function move(selector, by) {
    const places = [...document.querySelectorAll(selector)];
    if (!places.length) return;
    const now = selector in at ? at[selector] + by : 0;
    at[selector] = Math.max(0, Math.min(places.length - 1, now));
    places[at[selector]].focus();
  }
  function tick() {
    const row = document.activeElement.closest("tr");
    const box = row && row.querySelector("[data-tick]");
    if (box) box.click();
  }
  function expand() {
    const near = document.activeElement.closest("details:not(.menu), tr, li");
    const details = near && (near.matches("details") ? near : near.querySelector("details:not(.menu)"));
    const chosen = details || find("main details:not(.menu)");
    if (chosen) { chosen.open = !chosen.open; chosen.querySelector("summary").focus(); }
  }
  function closeMenus() {
    document.querySelectorAll("details.menu[open]").forEach((menu) => {
      const inside = menu.contains(document.activeElement);
      menu.open = false;
      if (inside) menu.querySelector("summary").focus();
    });
  }
  // Within an open menu the arrows go from choice to choice; from its search box down into them.
  function arrow(event) {
    const menu = event.target.closest("details.menu[open]");
    const places = menu ? [...menu.querySelectorAll("li a, input[type=search]")] : [];
    const now = places.indexOf(event.target);
    if (now < 0) return;
    event.preventDefault();
    const next = now + (event.key === "ArrowDown" ? 1 : -1);
    places[Math.max(0, Math.min(places.length - 1, next))].focus();
  }
  const focus = (selector) => { const place = find(selector); if (place) place.focus(); };
  const follow = (selector) => { const link = find(selector); if (link) link.click(); };
  const actions = {
    "/": () => focus("[data-search]"),
    f: () => focus("[data-filters] input:not([type=hidden]), [data-filters] select, [data-filters] summary"),
    r: () => follow("[data-refresh]"),
    j: () => move("tbody td.name a", 1),
    k: () => move("tbody td.name a", -1),
    x: tick,
    e: expand,
    n: () => move("[data-difference]", 1),
    p: () => move("[data-difference]", -1),
    "?": () => { const help = find("#help-menu"); help.open = true; help.querySelector("summary").focus(); },
    g: () => { going = true; },
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "Escape") { closeMenus(); return; }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") { arrow(event); return; }
    if (off || typing(event.target)) return;
    if (going) {
      going = false;
      follow(`.sidenav a[data-key="${CSS.escape(event.key)}"]`);
      return;
    }
    if (!Object.hasOwn(actions, event.key)) return;
    event.preventDefault();
    actions[event.key]();
  });
})();
