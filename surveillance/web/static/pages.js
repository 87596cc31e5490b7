// What every page does with scripts: the menu of a phone folds behind a button. Without scripts it stays open.
document.addEventListener("click", (event) => {
  const button = event.target.closest(".menu-button");
  if (button) button.setAttribute("aria-expanded", String(button.getAttribute("aria-expanded") !== "true"));
});
document.addEventListener("keydown", (event) => {
  const button = document.querySelector('.menu-button[aria-expanded="true"]');
  if (event.key !== "Escape" || !button) return;
  button.setAttribute("aria-expanded", "false");
  button.focus();
});
