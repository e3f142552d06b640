// The keyboard: / and Ctrl or Cmd with K go to the question, arrows walk through the answers, Escape goes back and
// then clears.

import { byId } from "./dom.js";

/** `clear` takes the question and its answers away. */
export function connect({ clear }) {
  const question = byId("question");
  addEventListener("keydown", (event) => {
    if (document.querySelector("dialog[open]")) return;
    const typing = event.target.matches?.("input, textarea, select");
    const bare = !event.ctrlKey && !event.metaKey && !event.altKey;
    if ((event.key === "/" && !typing && bare) || (event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey))) {
      event.preventDefault();
      question.focus();
      question.select();
      return;
    }
    if (event.key === "Escape") {
      if (event.target === question) clear();
      else if (event.target.closest?.("#answers")) question.focus();
      return;
    }
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && bare) walk(event, question);
  });
}

function walk(event, question) {
  const titles = [...document.querySelectorAll(".hit-open")];
  const at = titles.indexOf(event.target);
  const fromQuestion = event.target === question;
  if (titles.length === 0 || (at < 0 && !fromQuestion)) return;
  event.preventDefault();
  const to = event.key === "ArrowDown" ? at + 1 : at - 1;
  if (to < 0) question.focus();
  else titles[Math.min(to, titles.length - 1)].focus();
}
