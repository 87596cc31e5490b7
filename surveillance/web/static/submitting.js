// A file that is dropped is the one that was chosen. Without scripts the field for a file does the same.
const place = document.querySelector("[data-drop]");
const input = place?.querySelector('input[type="file"]');
if (place && input) {
  for (const name of ["dragenter", "dragover"]) {
    place.addEventListener(name, (event) => {
      event.preventDefault();
      place.classList.add("over");
    });
  }
  for (const name of ["dragleave", "drop"]) place.addEventListener(name, () => place.classList.remove("over"));
  place.addEventListener("drop", (event) => {
    event.preventDefault();
    if (event.dataTransfer.files.length) input.files = event.dataTransfer.files;
  });
}
