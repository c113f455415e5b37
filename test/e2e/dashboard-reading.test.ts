/** The live page for everybody: narrow and wide screens, light and dark, the keyboard, and accessibility. */
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { browserNote, chromiumPath, contrast } from "../support/browser.ts";
import { Reader, seriousFindings, sidewaysScroll } from "../support/live-page.ts";
import { shown, reader, useShelf, panel, visitRun } from "../support/live-shelf.ts";

useShelf();

describe.skipIf(chromiumPath === null)(`the live page in a browser${browserNote}`, () => {
  // ----- Everybody -----

  const views = ["list", "run", "comparison"] as const;

  async function visitView(
    view: (typeof views)[number],
    look: Parameters<Reader["visit"]>[1],
  ): Promise<Page> {
    if (view === "run") {
      const page = await visitRun(shown, "talked", look);
      await panel(page, "Choices by round").locator("svg").waitFor();
      return page;
    }
    const page = await reader.visit(
      view === "list" ? `${shown.origin}/` : `${shown.origin}/#/compare/talked,drawn`,
      look,
    );
    await page
      .locator(view === "list" ? "table.runs" : "main .box svg:visible, main .narrow svg:visible")
      .first()
      .waitFor();
    return page;
  }

  test.for(views)("the %s fits a narrow screen and a wide one", async (view) => {
    for (const width of [375, 2560]) {
      const page = await visitView(view, { width });
      expect(await sidewaysScroll(page), `${width} px`).toBeLessThanOrEqual(0);
    }
  });

  test.for(views)(
    "the %s has no serious accessibility finding, light or dark, wide or narrow",
    async (view) => {
      for (const look of [
        { theme: "light", width: 1280 },
        { theme: "dark", width: 1280 },
        { theme: "dark", width: 375 },
      ] as const) {
        const page = await visitView(view, look);
        expect(await seriousFindings(page), JSON.stringify(look)).toEqual([]);
      }
    },
  );

  test("it is dark where the reader's system is, and where the reader says so", async () => {
    const page = await visitView("run", { theme: "dark" });
    const colours = async () =>
      await page.evaluate<[string, string]>(
        "[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.querySelector('h1')).color]",
      );
    const [darkPaper, darkInk] = await colours();
    expect(contrast(darkPaper, "#000000")).toBeLessThan(1.6);
    expect(contrast(darkPaper, darkInk)).toBeGreaterThan(7);
    await page.getByRole("button", { name: "Theme" }).click();
    const [lightPaper, lightInk] = await colours();
    expect(contrast(lightPaper, "#ffffff")).toBeLessThan(1.2);
    expect(contrast(lightPaper, lightInk)).toBeGreaterThan(7);
    await page.emulateMedia({ colorScheme: "light" });
    await page.getByRole("button", { name: "Theme" }).click();
    expect(await colours()).toEqual([darkPaper, darkInk]);
  });

  test("everything is reached by the keyboard, and what has the focus is seen", async () => {
    const page = await visitView("list", {});
    const focus = async () =>
      await page.evaluate<{ text: string; isSeen: boolean }>(`(() => {
        const { activeElement } = document;
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(activeElement);
        const { top, bottom, height } = activeElement.getBoundingClientRect();
        return {
          text: (activeElement.getAttribute("aria-label") ?? activeElement.textContent).trim().slice(0, 40),
          isSeen: ((outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none")
            && height > 0 && bottom > 0 && top < innerHeight,
        };
      })()`);
    await page.keyboard.press("Tab");
    expect(await focus()).toEqual({ text: "Skip to the content", isSeen: true });
    await page.keyboard.press("Enter");
    const passed: string[] = [];
    for (let presses = 0; presses < 60 && passed.at(-1) !== "talked"; presses++) {
      await page.keyboard.press("Tab");
      const { text, isSeen } = await focus();
      expect(isSeen, text).toBe(true);
      passed.push(text);
    }
    expect(passed).toContain("Best");
    expect(passed.at(-1)).toBe("talked");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { level: 1, name: "talked" }).waitFor();
    await expect.poll(async () => (await focus()).text).toBe("talked");
    await page.keyboard.press("Escape");
    await page.locator("table.runs").waitFor();
    await expect.poll(async () => (await focus()).text).toBe("talked");
    expect(page.url()).toMatch(/#\/$/);
  });
});
