// Small conveniences over pages that work without them.
"use strict";
(function () {
  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-submit-on-change]")) event.target.form.requestSubmit();
    if (event.target.matches("[data-tick-all]")) {
      document.querySelectorAll(event.target.dataset.tickAll).forEach((box) => { box.checked = event.target.checked; });
      refreshSelection();
    }
    if (event.target.matches("[data-tick]")) refreshSelection();
  });
  document.addEventListener("click", (event) => {
    const copy = event.target.closest("[data-copy]");
    if (copy) navigator.clipboard.writeText(copy.dataset.copy).then(() => { copy.textContent = "Copied"; });
    const close = event.target.closest("[data-dismiss]");
    if (close) close.closest(".toast-card").remove();
    document.querySelectorAll("details.tenantpicker[open]").forEach((open) => { if (!open.contains(event.target)) open.open = false; });
  });
  // A command on ticked rows says how many, and needs at least one.
  function refreshSelection() {
    const count = document.querySelectorAll("[data-tick]:checked").length;
    document.querySelectorAll("[data-needs-selection]").forEach((button) => {
      button.disabled = count === 0;
      if (button.dataset.label) button.textContent = button.dataset.label.replace("{n}", count || "");
    });
  }
  refreshSelection();
  // A form is sent once.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "get") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
  });
  window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => { delete form.dataset.sent; }));
})();
