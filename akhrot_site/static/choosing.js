// Two ways to choose: tabs made of parts that stand one below the other without a script, and a list that is filtered.
(function () {
  "use strict";

  // https://www.w3.org/WAI/ARIA/apg/patterns/tabs/: one tab is in the order of focus, the arrows lead to the others.
  function tabs(box) {
    const parts = [...box.querySelectorAll("[data-tab]")];
    const list = document.createElement("div");
    list.className = "tab-list";
    list.setAttribute("role", "tablist");
    list.setAttribute("aria-label", box.dataset.tabs);
    const buttons = parts.map((part) => tab(part, list));
    function show(place, focus) {
      buttons.forEach((button, at) => {
        button.setAttribute("aria-selected", String(at === place));
        button.tabIndex = at === place ? 0 : -1;
        parts[at].hidden = at !== place;
      });
      if (focus) buttons[place].focus();
    }
    list.addEventListener("click", (event) => {
      const place = buttons.indexOf(event.target.closest("[role=tab]"));
      if (place >= 0) show(place, false);
    });
    list.addEventListener("keydown", (event) => {
      const from = buttons.indexOf(document.activeElement);
      const to = { ArrowRight: from + 1, ArrowLeft: from - 1, Home: 0, End: buttons.length - 1 }[event.key];
      if (from < 0 || to === undefined) return;
      event.preventDefault();
      show((to + buttons.length) % buttons.length, true);
    });
    box.prepend(list);
    show(0, false);
  }

  function tab(part, list) {
    const heading = part.querySelector("h3");
    const button = document.createElement("button");
    button.type = "button";
    button.id = part.id + "-tab";
    button.className = "tab";
    button.textContent = heading.textContent;
    button.setAttribute("role", "tab");
    button.setAttribute("aria-controls", part.id);
    part.setAttribute("role", "tabpanel");
    part.setAttribute("aria-labelledby", button.id);
    heading.classList.add("visually-hidden");
    list.append(button);
    return button;
  }

  // What is ticked stays in sight while one looks for more.
  function chooser(box) {
    const words = box.querySelector("[data-chooser-words]");
    const told = box.querySelector("[data-chooser-told]");
    const items = [...box.querySelectorAll("[data-chooser-item]")];
    const heads = [...box.querySelectorAll("[data-chooser-head]")];
    function tell() {
      const ticked = items.filter((item) => item.querySelector("input").checked).length;
      const shown = items.some((item) => !item.hidden);
      told.textContent = shown ? (ticked ? ticked + " " + told.dataset.ticked : "") : told.dataset.none;
    }
    function filter() {
      const sought = words.value.trim().toLowerCase();
      items.forEach((item) => {
        item.hidden = !item.dataset.chooserItem.includes(sought) && !item.querySelector("input").checked;
      });
      heads.forEach((head) => { head.hidden = sought !== ""; });
      tell();
    }
    words.hidden = false;
    words.addEventListener("input", filter);
    // Enter would send the form.
    words.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    box.addEventListener("change", tell);
    filter();
  }

  document.querySelectorAll("[data-tabs]").forEach(tabs);
  document.querySelectorAll("[data-chooser]").forEach(chooser);
})();
