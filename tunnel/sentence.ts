/** What a peer says for people: it ends up in a log or on a terminal, among lines that are this program's own. */

/** `text` as one line: nobody adds a line, a hint say, that looks like ours. Other signs are the terminal's affair. */
export function sentence(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029]+/gu, " ").trim();
}
