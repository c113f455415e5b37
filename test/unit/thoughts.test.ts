/** Thoughts: turned on or off by a request, and separated from the answer for every way in which models mark them. */
import { describe, expect, test } from "vitest";
import { separateThoughts, thinkingIn } from "../../src/models/thoughts.ts";

const pairs = [
  ["<think>", "</think>"],
  ["<thinking>", "</thinking>"],
  ["<thought>", "</thought>"],
  ["<reasoning>", "</reasoning>"],
  ["[THINK]", "[/THINK]"],
  ["◁think▷", "◁/think▷"],
] as const;

describe.each(pairs)("thoughts in %s", (open, close) => {
  test.each([
    ["in front of the answer", `${open}\nHm.\n${close}\n\n{"a": 1}`, "Hm.", '{"a": 1}'],
    ["empty", `${open}\n\n${close}\nYes.`, "", "Yes."],
    ["after white space", `\n  ${open}Hm.${close}Yes.`, "Hm.", "Yes."],
    ["cut off", `${open}Hm, if`, "Hm, if", ""],
    ["twice", `${open}One.${close}\n${open}Two.${close} Yes.`, "One.\n\nTwo.", "Yes."],
    ["quoted later on", `Yes, ${open}Hm.${close} is it.`, "", `Yes, ${open}Hm.${close} is it.`],
  ])("%s", (_name, text, thoughts, rest) => {
    expect(separateThoughts(text)).toEqual({ thoughts, rest });
  });
});

test.each(["</think>", "[/THINK]", "◁/think▷"])("thoughts that the prompt opened end with %s", (close) => {
  expect(separateThoughts(`Hm.\n${close}\nYes.`)).toEqual({ thoughts: "Hm.", rest: "Yes." });
  expect(separateThoughts(`Yes.\n${close}`)).toEqual({ thoughts: "", rest: `Yes.\n${close}` });
});

test("a tag of markup that no template opens is part of the answer", () => {
  const text = "Use </reasoning> to close it.";
  expect(separateThoughts(text)).toEqual({ thoughts: "", rest: text });
});

describe("the channels of gpt-oss", () => {
  const analysis = "<|channel|>analysis<|message|>Hm.<|end|>";
  test.each([
    ["an answer", `${analysis}<|start|>assistant<|channel|>final<|message|>Yes.<|return|>`, "Hm.", "Yes."],
    [
      "no closing mark",
      `${analysis}<|start|>assistant<|channel|>final<|message|>{"a": 1}`,
      "Hm.",
      '{"a": 1}',
    ],
    [
      "a constrained answer",
      `<|start|>assistant${analysis}<|start|>assistant<|channel|>final <|constrain|>json<|message|>{}`,
      "Hm.",
      "{}",
    ],
    ["no thoughts", "<|channel|>final<|message|>Yes.", "", "Yes."],
    ["thoughts that were cut off", "<|channel|>analysis<|message|>Hm, if", "Hm, if", ""],
  ])("%s", (_name, text, thoughts, rest) => {
    expect(separateThoughts(text)).toEqual({ thoughts, rest });
  });
});

test("repetition takes time in proportion to its length", () => {
  // Each would take hours if every mark were looked for from every other one.
  const times = 400_000;
  for (const part of ["<think>", "</think>", "<think></think>", "<|channel|>analysis", "[THINK] ", " \n"]) {
    const text = part.repeat(times);
    const { thoughts, rest } = separateThoughts(text);
    expect(thoughts.length + rest.length).toBeLessThanOrEqual(text.length);
  }
});

describe("thinking is turned", () => {
  test.each<[boolean | null, Record<string, unknown>]>([
    [null, {}],
    [null, { top_k: 20, guided_json: {} }],
    [null, { thinking: null }],
    [false, { chat_template_kwargs: { enable_thinking: false } }],
    [false, { chat_template_kwargs: { thinking: false, other: 1 } }],
    [true, { chat_template_kwargs: { enable_thinking: true } }],
    [null, { chat_template_kwargs: { other: false } }],
    [false, { enable_thinking: false }],
    [false, { think: false }],
    [false, { thinking: { type: "disabled" } }],
    [true, { thinking: { type: "enabled", budget_tokens: 0 } }],
    [false, { reasoning: { enabled: false } }],
    [false, { reasoning: { effort: "none" } }],
    [true, { reasoning: { effort: "low" } }],
    [false, { reasoning_effort: "none" }],
    [true, { reasoning_effort: "high" }],
    [false, { reasoning_budget: 0 }],
    [false, { extra_body: { google: { thinking_config: { thinking_budget: 0 } } } }],
    [false, { reasoning_effort: "high", chat_template_kwargs: { enable_thinking: false } }],
  ])("%s by %j", (expected, extraBody) => {
    expect(thinkingIn(extraBody)).toBe(expected);
  });
});
