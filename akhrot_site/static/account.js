// Beside allauth's scripts, which hold the ceremony of passkeys: what this browser lacks, and what went wrong.
(function () {
  "use strict";
  // What is said for each kind of error stands in the page (account/_passkey_words.html), in its language.
  const words = () => document.getElementById("passkey-words").dataset;

  function say(text) {
    document.querySelectorAll("[data-passkey-trouble]").forEach((note) => {
      note.textContent = text;
      note.hidden = !text;
    });
  }

  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    const error = event.detail.exception;
    const name = (error && error.name) || "";
    say(words()[name.slice(0, 1).toLowerCase() + name.slice(1)] || words().otherwise);
  });

  document.addEventListener("DOMContentLoaded", function () {
    if (window.PublicKeyCredential) {
      document.querySelectorAll("[data-needs-passkeys]").forEach((part) => { part.hidden = false; });
    } else {
      say(words().none);
    }
  });
})();
