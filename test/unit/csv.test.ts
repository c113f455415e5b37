import { expect, it } from "vitest";
import { csvOf } from "../../src/report/csv.ts";

it("writes a head line and CRLF, and quotes what would end a field", () => {
  expect(
    csvOf([
      { search: 'a "b", c', value: 91.60666666666667, text: "two\nlines" },
      { search: "|skip~0|", value: null, text: "" },
    ]),
  ).toBe('search,value,text\r\n"a ""b"", c",91.60666666666667,"two\nlines"\r\n|skip~0|,,\r\n');
});

it("keeps numbers as they are, and texts from being formulas", () => {
  const texts = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1"];
  const lines = csvOf([
    { number: -0.5, small: 1e-7, text: "plain" },
    ...texts.map((text) => ({ number: -1, small: 0, text })),
  ])
    .replaceAll('"', "")
    .split("\r\n");
  expect(lines[1]).toBe("-0.5,1e-7,plain");
  expect(lines.slice(2, -1)).toEqual(texts.map((text) => `-1,0,'${text}`));
});

it("is empty without data", () => {
  expect(csvOf([])).toBe("");
});
