// Loaded in the head and without delay: the theme must stand before the page is painted.
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");

  function kept() {
    try { return localStorage.getItem("akhrot-theme"); } catch { return null; }
  }
  function paint() {
    root.dataset.bsTheme = kept() || (dark.matches ? "dark" : "light");
  }
  paint();
  dark.addEventListener("change", paint);

  function toggleTheme() {
    const next = root.dataset.bsTheme === "dark" ? "light" : "dark";
    try { localStorage.setItem("akhrot-theme", next); } catch { /* kept for this page alone */ }
    root.dataset.bsTheme = next;
  }

  async function copy(button) {
    const text = document.getElementById(button.dataset.copy).textContent.trim();
    // Pressed again before the answer is gone, it must not take that for its name.
    const said = button.dataset.said ??= button.textContent;
    button.setAttribute("aria-live", "polite");
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = document.body.dataset.copied;
    } catch {
      button.textContent = document.body.dataset.uncopied;
    }
    setTimeout(() => { button.textContent = said; }, 2000);
  }

  function reveal(button) {
    const field = document.getElementById(button.dataset.reveal);
    const hidden = field.type === "password";
    field.type = hidden ? "text" : "password";
    button.textContent = hidden ? document.body.dataset.hide : document.body.dataset.show;
    button.setAttribute("aria-pressed", String(hidden));
    field.focus();
  }

  // A value that looks unlike the provider's keys is worth a word, and no more: providers change their formats.
  // It waits for a pause: a note that appears as the field is left would move the button away under the pointer.
  const pauses = new WeakMap();
  function warnLater(field) {
    clearTimeout(pauses.get(field));
    pauses.set(field, setTimeout(() => warn(field), 500));
  }

  function warn(field) {
    const note = document.getElementById(field.id + "_looks");
    if (!note) return;
    const value = field.value.trim();
    let fits = true;
    try { fits = new RegExp("^(?:" + field.dataset.looks + ")$").test(value); } catch { fits = true; }
    note.hidden = !value || fits;
  }

  // The link leads to a page with the same question, for those without JavaScript.
  function ask(event, link) {
    const dialog = document.getElementById(link.dataset.dialog);
    if (!dialog || event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    dialog.showModal();
  }

  document.addEventListener("click", function (event) {
    const found = event.target.closest("[data-theme-toggle], [data-copy], [data-reveal], [data-dialog], [data-close]");
    if (!found) return;
    if ("themeToggle" in found.dataset) toggleTheme();
    if (found.dataset.copy) copy(found);
    if (found.dataset.reveal) reveal(found);
    if (found.dataset.dialog) ask(event, found);
    const dialog = "close" in found.dataset && found.closest("dialog");
    if (dialog) { event.preventDefault(); dialog.close(); }
  });
  document.addEventListener("input", function (event) {
    if (event.target.dataset.looks) warnLater(event.target);
  });
  document.addEventListener("change", function (event) {
    if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
  });
  document.addEventListener("submit", function (event) {
    const button = event.target.querySelector("[data-busy]");
    if (button) { button.setAttribute("aria-disabled", "true"); button.classList.add("btn-loading"); }
  });
  // What can be done for a moment only goes when that is over. Whoever stands on it is led to the words beside it.
  function expire(part) {
    const beside = part.parentElement;
    const stoodOn = part.contains(document.activeElement);
    part.remove();
    if (!stoodOn) return;
    beside.tabIndex = -1;
    beside.focus();
  }
  document.addEventListener("DOMContentLoaded", function () {
    document.querySelectorAll("[data-expires]").forEach((part) => {
      setTimeout(expire, 1000 * Number(part.dataset.expires), part);
    });
    // Screen readers tell what changes in a status, and not what it says when the page comes.
    document.querySelectorAll(".messages[role=status] .note-main").forEach((words) => {
      setTimeout(() => words.append("\u00a0"), 300);
    });
  });
  // A page that comes back from the browser's cache must not look busy.
  window.addEventListener("pageshow", function () {
    document.querySelectorAll(".btn-loading").forEach((one) => {
      one.classList.remove("btn-loading");
      one.removeAttribute("aria-disabled");
    });
  });
})();
