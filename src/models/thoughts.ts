/**
 * Thinking that stands in the text of a reply, told apart from what was answered.
 *
 * Owns the marks that models put around their thoughts. Knows no server and no request; thoughts that a server keeps
 * in a member of their own never come here. Takes time in proportion to the text, whatever it holds.
 */

/** What encloses thoughts, by the models that use it. */
const enclosures = [
  // Qwen, DeepSeek R1 and most others; the second value of a pair closes what the first one opens.
  ["<think>", "</think>"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<reasoning>", "</reasoning>"],
  // Mistral.
  ["[THINK]", "[/THINK]"],
  // Kimi.
  ["◁think▷", "◁/think▷"],
] as const;

/** The ones that chat templates open in the prompt, so that the reply only closes them. */
const openedInPrompts = enclosures.filter(([open]) => /^\S+think\S$/i.test(open));

/** gpt-oss: every message has a channel; the last one, `final`, is the answer. */
const channel = "<|channel|>";
const beginningOfMessage = "<|message|>";

/**
 * Takes the thoughts at the head of a reply out of it; marks further on are part of the answer. Thoughts that were cut
 * off, so that nothing closes them, leave no answer.
 */
export function separateThoughts(text: string): { readonly thoughts: string; readonly rest: string } {
  if (/^\s*(<\|start\|>assistant)?<\|channel\|>/.test(text)) return separateChannels(text);
  const thoughts: string[] = [];
  let at = 0;
  for (;;) {
    const begin = at + spaceAt(text, at);
    const enclosure = enclosures.find(([open]) => text.startsWith(open, begin));
    if (enclosure === undefined) break;
    const [open, close] = enclosure;
    const end = text.indexOf(close, begin + open.length);
    thoughts.push(text.slice(begin + open.length, end === -1 ? undefined : end).trim());
    if (end === -1) return { thoughts: joined(thoughts), rest: "" };
    at = end + close.length;
  }
  if (at > 0) return { thoughts: joined(thoughts), rest: text.slice(at).trimStart() };
  for (const [open, close] of openedInPrompts) {
    const end = text.indexOf(close);
    if (end === -1) continue;
    const before = text.slice(0, end);
    const rest = text.slice(end + close.length).trimStart();
    if (rest !== "" && !before.includes(open)) return { thoughts: before.trim(), rest };
  }
  return { thoughts: "", rest: text };
}

// --- internal ---

function separateChannels(text: string): { thoughts: string; rest: string } {
  const final = text.indexOf(`${channel}final`);
  const begin = final === -1 ? -1 : text.indexOf(beginningOfMessage, final);
  const rest = begin === -1 ? "" : text.slice(begin + beginningOfMessage.length);
  const thoughts = (final === -1 ? text : text.slice(0, final))
    .replace(/<\|channel\|>(analysis|commentary)|<\|start\|>assistant|<\|(message|end|return)\|>/g, "\n")
    .trim();
  return { thoughts, rest: rest.replace(/<\|(return|end)\|>\s*$/, "").trim() };
}

function joined(thoughts: readonly string[]): string {
  return thoughts.filter((each) => each !== "").join("\n\n");
}

/** How much white space stands at a place. */
function spaceAt(text: string, at: number): number {
  const space = /\s*/y;
  space.lastIndex = at;
  return space.exec(text)?.[0].length ?? 0;
}
