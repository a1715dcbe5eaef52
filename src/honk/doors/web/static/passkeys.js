// Passkeys: asks the browser for one, and sends what it says in the form that asked. Without this file people sign in
// another way.
"use strict";
(() => {
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (one) => one.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  const asked = async (form) => {
    const body = new URLSearchParams({ nonce: form.elements.nonce.value });
    const answer = await fetch(`${form.getAttribute("action")}/options`, { method: "POST", body });
    if (answer.status === 429) throw new Error(`Too many attempts: wait ${answer.headers.get("Retry-After")} seconds.`);
    if (!answer.ok) throw new Error("This page has expired: load it again.");
    const options = await answer.json();
    options.challenge = bytes(options.challenge);
    if (options.user) options.user.id = bytes(options.user.id);
    for (const list of ["excludeCredentials", "allowCredentials"])
      for (const one of options[list] || []) one.id = bytes(one.id);
    return options;
  };

  const said = (made) => {
    const response = {};
    for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"])
      if (made.response[name]) response[name] = text(made.response[name]);
    return JSON.stringify({ id: made.id, rawId: text(made.rawId), type: made.type, response, clientExtensionResults: {} });
  };

  const works = async (form) => {
    const publicKey = await asked(form);
    const make = form.dataset.passkey === "create";
    const made = make ? await navigator.credentials.create({ publicKey }) : await navigator.credentials.get({ publicKey });
    form.elements.answer.value = said(made);
    form.submit();
  };

  const words = (error) => {
    if (error.name === "InvalidStateError") return "This device has a passkey for you already.";
    if (error.name === "NotAllowedError") return "No passkey was used.";
    return error.message;
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const creating = form.dataset.passkey === "create";
    const here = location.origin === form.dataset.origin && "credentials" in navigator && "PublicKeyCredential" in window;
    if (!here && !creating) continue;
    form.hidden = !here;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const why = form.querySelector(".why");
      const button = form.querySelector("button");
      why.hidden = true;
      button.disabled = true;
      works(form).catch((error) => {
        why.textContent = words(error);
        why.hidden = false;
        button.disabled = false;
      });
    });
  }
})();
