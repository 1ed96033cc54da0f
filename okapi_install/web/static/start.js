// Makes the start form more convenient. Without this script everything is there too.
"use strict";

const form = document.querySelector("form.start");

// Lists of boxes: a field that finds some of them.
for (const place of document.querySelectorAll("[data-picks]")) {
  const find = place.querySelector("[data-find]");
  if (!find) continue;
  find.closest("label").hidden = false;
  const boxes = [...place.querySelectorAll(".boxes .pick")].map((label) => [label, label.textContent.toLowerCase()]);
  find.addEventListener("input", () => {
    const wanted = find.value.trim().toLowerCase();
    for (const [label, text] of boxes) label.hidden = !text.includes(wanted) && !label.querySelector("input").checked;
  });
  find.addEventListener("keydown", (key) => {
    if (key.key === "Enter") key.preventDefault();
  });
}

// Only the fields that count for what is chosen.
function adapt() {
  const chosen = form.querySelector("[name=kind]:checked")?.value;
  for (const part of form.querySelectorAll("[data-only]")) part.hidden = part.dataset.only !== chosen && !part.querySelector(":checked");
  const modules = form.querySelector("[data-modules]");
  modules.hidden = modules.disabled = chosen === "upgrade";
  const count = form.querySelectorAll("[name=tenant]:checked").length;
  form.querySelector("[data-count]").textContent = count ? ` ${count} chosen.` : "";
}

// A file that is dropped or chosen is shown in the field, where it can be read and changed.
async function take(file) {
  const field = form.querySelector("[data-drop]");
  field.value = await file.text();
  form.querySelector("[data-file]").value = "";
}

if (form) {
  form.addEventListener("change", (change) => {
    adapt();
    if (change.target.matches("[data-file]") && change.target.files[0]) take(change.target.files[0]);
  });
  const field = form.querySelector("[data-drop]");
  field.addEventListener("dragover", (drag) => {
    if (!drag.dataTransfer.types.includes("Files")) return;
    drag.preventDefault();
    field.classList.add("over");
  });
  field.addEventListener("dragleave", () => field.classList.remove("over"));
  field.addEventListener("drop", (drop) => {
    field.classList.remove("over");
    if (!drop.dataTransfer.files[0]) return;
    drop.preventDefault();
    take(drop.dataTransfer.files[0]);
  });
  adapt();
  addEventListener("pageshow", adapt);
}

// A second click would only ask for the same again.
for (const once of document.querySelectorAll("form[data-once]")) {
  once.addEventListener("submit", () => setTimeout(() => (once.querySelector("[type=submit]").disabled = true)));
}
addEventListener("pageshow", () => {
  for (const button of document.querySelectorAll("form[data-once] [type=submit]")) button.disabled = false;
});
