// Beside allauth's scripts, which hold the ceremony of passkeys: what this browser lacks, and what went wrong.
(function () {
  "use strict";
  const WORDS = {
    NotAllowedError: "Nothing was done: it was cancelled, or took too long. Try again.",
    InvalidStateError: "This device or key holds a passkey for this account already.",
    NotSupportedError: "This device cannot make a passkey of that kind.",
    SecurityError: "The browser allows no passkeys at this address.",
    ConstraintError: "This key cannot check who you are. Set a PIN on it first, or use it as a second factor alone.",
  };
  const OTHERWISE = "That did not work. Try again, or go another way.";

  function say(text) {
    document.querySelectorAll("[data-passkey-trouble]").forEach((note) => {
      note.textContent = text;
      note.hidden = !text;
    });
  }

  document.addEventListener("allauth.error", function (event) {
    event.preventDefault();
    const error = event.detail.exception;
    say(WORDS[error && error.name] || OTHERWISE);
  });

  document.addEventListener("DOMContentLoaded", function () {
    if (window.PublicKeyCredential) {
      document.querySelectorAll("[data-needs-passkeys]").forEach((part) => { part.hidden = false; });
    } else {
      say("This browser knows no passkeys.");
    }
  });
})();
