// Keeps an open page in step with the clock. Loaded with `defer`, so the page is there.
(function () {
  "use strict";
  const MINUTE = 60, HOUR = 3600, DAY = 86400, WEEK = 7 * DAY;
  const language = document.documentElement.lang || "en";
  const relative = new Intl.RelativeTimeFormat(language, { numeric: "always" });
  // Day before month, as the server has it.
  const exact = new Intl.DateTimeFormat(language === "en" ? "en-GB" : language, { dateStyle: "medium", timeStyle: "long" });

  // The words of the server in the same units, rounded down as it does. What is further away than a week keeps the
  // words it came with: they do not change while somebody looks, and months have no fixed length to count in.
  function words(seconds) {
    const away = Math.abs(seconds);
    if (away >= WEEK) return null;
    if (away < MINUTE) return seconds > 0 ? document.body.dataset.soon : document.body.dataset.justNow;
    const [size, unit] = away < HOUR ? [MINUTE, "minute"] : away < DAY ? [HOUR, "hour"] : [DAY, "day"];
    return relative.format(Math.sign(seconds) * Math.floor(away / size), unit);
  }

  function tell(element) {
    const moment = new Date(element.dateTime);
    element.title = exact.format(moment);
    const said = element.dataset.moment === "ago" ? words((moment - Date.now()) / 1000) : null;
    if (said && said !== element.textContent) element.textContent = said;
  }

  function tellAll(root) {
    root.querySelectorAll("time[data-moment]").forEach(tell);
  }

  tellAll(document);
  setInterval(() => tellAll(document), 30000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) tellAll(document); });
  document.addEventListener("htmx:load", (event) => tellAll(event.target));
})();

// Looks again, every so many seconds, at what may have changed: an element with `data-live="5"` is told `look`, and its
// `hx-trigger` does the rest. A tab that nobody sees does not ask, and a server that fails is asked less often.
(function () {
  "use strict";
  const LONGEST = 60;
  const plans = new WeakMap();

  function plan(element, pause) {
    plans.set(element, { pause, at: Date.now() + pause * 1000 });
  }

  function look() {
    if (document.hidden || !window.htmx) return;
    for (const element of document.querySelectorAll("[data-live]")) {
      const usual = Number(element.dataset.live);
      const planned = plans.get(element);
      if (!planned) {
        plan(element, usual);
      } else if (Date.now() >= planned.at) {
        plan(element, Math.max(planned.pause, usual));
        window.htmx.trigger(element, "look");
      }
    }
  }

  setInterval(look, 1000);
  document.addEventListener("visibilitychange", function () {
    document.querySelectorAll("[data-live]").forEach((element) => plan(element, 0));
    look();
  });
  document.addEventListener("htmx:afterRequest", function (event) {
    const element = event.detail.elt;
    if (!element.dataset.live) return;
    const usual = Number(element.dataset.live);
    const pause = plans.get(element)?.pause || usual;
    plan(element, event.detail.successful ? usual : Math.min(Math.max(pause, usual) * 2, LONGEST));
  });
})();

// What htmx brings, and what it could not.
(function () {
  "use strict";

  // The answer of another page than the one asked is the sign-in's: the session is over. There the reader belongs.
  document.addEventListener("htmx:beforeSwap", function (event) {
    if (new URL(event.detail.xhr.responseURL, location).pathname.startsWith("/accounts/")) {
      event.detail.shouldSwap = false;
      location.reload();
    }
  });

  // What is going on is said to who does not see the button turn.
  document.addEventListener("htmx:beforeRequest", function (event) {
    const told = document.getElementById("told");
    if (event.detail.elt.dataset.says && told) told.textContent = event.detail.elt.dataset.says;
  });

  // Where what had the focus is gone with the swap, reading goes on at the head of the page and not of the window.
  document.addEventListener("htmx:afterSettle", function (event) {
    if (event.detail.elt.dataset.live || document.activeElement !== document.body) return;
    document.querySelector("[data-lands]")?.focus({ preventScroll: true });
  });

  // A button that was pressed must not look busy once the answer is there, whatever it was.
  document.addEventListener("htmx:afterRequest", function (event) {
    for (const button of event.detail.elt.querySelectorAll(".btn-loading")) {
      button.classList.remove("btn-loading");
      button.removeAttribute("aria-disabled");
    }
    const template = document.getElementById("did-not-work");
    const messages = document.getElementById("messages");
    if (event.detail.successful || event.detail.elt.dataset.live || !template || !messages) return;
    messages.replaceChildren(template.content.cloneNode(true));
  });
})();
