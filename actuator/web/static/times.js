// Times in the reader's own zone: the clock alone for today, the date too for any other day.

export function localise(root) {
  const today = day(new Date());
  for (const element of root.querySelectorAll("time[datetime]")) {
    const at = new Date(element.dateTime);
    const clock = [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":");
    element.title = element.textContent;
    element.textContent = day(at) === today ? clock : `${day(at)} ${clock}`;
  }
}

function day(at) {
  return [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join("-");
}

function two(number) {
  return String(number).padStart(2, "0");
}
