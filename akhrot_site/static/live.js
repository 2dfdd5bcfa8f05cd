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
