// Small conveniences over pages that work without them.
"use strict";
(function () {
  const all = (selector) => [...document.querySelectorAll(selector)];
  document.documentElement.classList.add("js");

  document.addEventListener("change", (event) => {
    const box = event.target;
    if (box.matches("[data-submit-on-change]")) box.form.requestSubmit();
    if (box.dataset.opens && box.value === box.dataset.opensOn) document.querySelector(box.dataset.opens).open = true;
    if (box.matches("[data-tick-all]")) all(box.dataset.tickAll).forEach((each) => { each.checked = box.checked; pick(each); });
    if (box.matches("[data-tick]")) pick(box);
    if (box.matches("[data-tick], [data-tick-all]")) showSelection();
  });
  // Ticking a row chooses "only those ticked".
  function pick(box) {
    const radio = box.checked && box.dataset.picks ? document.querySelector(box.dataset.picks) : null;
    if (radio) radio.checked = true;
  }
  // A command on ticked rows says how many, and needs at least one.
  function showSelection() {
    const count = all("[data-tick]:checked").length;
    all("[data-needs-selection]").forEach((button) => {
      button.disabled = count === 0;
      button.textContent = button.dataset.label.replace("{n} ", count ? `${count} ` : "");
    });
    all("[data-selection-reason]").forEach((reason) => { reason.hidden = count > 0; });
  }
  showSelection();

  // The navigation folds away where there is little room.
  const narrow = window.matchMedia("(max-width: 45rem)");
  const fold = () => all(".navfold").forEach((each) => { each.open = !narrow.matches; });
  narrow.addEventListener("change", fold);
  fold();

  // A long list of choices, narrowed as one types.
  document.addEventListener("input", (event) => {
    const rows = event.target.dataset.narrow;
    if (!rows) return;
    const wanted = event.target.value.trim().toLowerCase();
    all(rows).forEach((row) => { row.hidden = Boolean(wanted) && !row.textContent.toLowerCase().includes(wanted); });
    all("#tree > details").forEach((group) => {
      if (wanted) group.open = Boolean(group.querySelector(".choice:not([hidden])"));
    });
  });

  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => window.atlas.announce("Copied"));
    const dismiss = event.target.closest("[data-dismiss]");
    if (dismiss) dismiss.closest("[data-toast]").remove();
    all("details.menu[open]").forEach((menu) => { if (!menu.contains(event.target)) menu.open = false; });
  });

  // Enter in a box that has a button of its own presses that one, not the form's first.
  document.addEventListener("keydown", (event) => {
    const own = event.key === "Enter" && event.target.matches("[data-enter]") && document.querySelector(event.target.dataset.enter);
    if (own) { event.preventDefault(); own.click(); }
  });

  // A menu with a search box opens with the cursor in it.
  document.addEventListener("toggle", (event) => {
    const box = event.target.open && event.target.matches("[data-picker]") && event.target.querySelector("input[type=search]");
    if (box) box.focus();
  }, true);

  // Toasts say themselves to screen readers; good news leaves by itself, bad news waits to be dismissed.
  all("[data-toast]").forEach((toast) => {
    window.setTimeout(() => window.atlas.announce(toast.querySelector("span").textContent), 300);
    if (!toast.classList.contains("error")) window.setTimeout(() => toast.remove(), 10000);
  });
  // The zone of this browser, told once, until the person chooses one.
  const token = document.querySelector("[name=csrfmiddlewaretoken]");
  if (document.body.dataset.zoneTo && token) {
    const body = new URLSearchParams({ zone: Intl.DateTimeFormat().resolvedOptions().timeZone });
    fetch(document.body.dataset.zoneTo, { method: "POST", keepalive: true, headers: { "X-CSRFToken": token.value }, body }).catch(() => {});
  }
  const summary = document.getElementById("error-summary");
  if (summary) summary.focus();

  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "get") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => all("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
})();
