/**
 * `node scripts/screenshots.mjs`: makes the pictures of the live page in docs/images, from searches that it runs now.
 *
 * Which searches these are, and what is in each picture, is here. It needs the set-up of the demo and the system's
 * Chromium, and keeps only the pictures. Their commands begin with `collm-nas`, because the path of this checkout is of no
 * use to a reader.
 */
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const root = fileURLToPath(new URL("..", import.meta.url));
const command = join(root, "bin/collm-nas");
const images = join(root, "docs/images");
const largestBytes = 300_000;

/** Name of the run and what is asked of it beside the space and the limit. */
const searches = {
  "rules-0": ["--seed", "0"],
  "rules-1": ["--seed", "1"],
  "blind-0": ["--seed", "0", "--blind"],
  "random-0": ["--searcher", "random", "--seed", "0"],
  "evolution-0": ["--searcher", "evolution", "--seed", "0"],
  "surrogate-0": ["--searcher", "surrogate", "--seed", "0"],
};
const shownRun = "rules-0";
/** The searches next to it in its figure. */
const controls = ["random", "evolution", "surrogate"];

const chromiumPath = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => existsSync(path),
);
if (chromiumPath === undefined) {
  console.error("screenshots: no Chromium is installed; install the package chromium, then start this again");
  process.exit(2);
}

const folder = mkdtempSync(join(tmpdir(), "collm-screenshots-"));
const environment = { ...process.env, XDG_CACHE_HOME: join(folder, "cache") };
try {
  for (const [name, flags] of Object.entries(searches)) {
    const args = ["run", "--space", "analognas-baseline", "--limit", "flops_m=120", ...flags];
    console.error(`screenshots: collm-nas ${args.join(" ")}`);
    const ran = spawnSync(command, [...args, "--out", join("runs", name), "--json"], {
      cwd: folder,
      encoding: "utf8",
      env: environment,
    });
    if (ran.status !== 0) throw new Error(`the search ${name} ended with ${ran.status}: ${ran.stderr}`);
  }
  mkdirSync(images, { recursive: true });
  await photograph(folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Every picture of the runs in `cwd`. */
async function photograph(cwd) {
  const server = spawn(command, ["dashboard", "--port", "0", "--json"], {
    cwd,
    env: environment,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(server, "exit");
  const [line] = await once(server.stdout.setEncoding("utf8"), "data");
  const { origin } = new URL(JSON.parse(line).address);
  const browser = await chromium.launch({
    executablePath: chromiumPath,
    // Chromium refuses its sandbox to root, which is who runs in containers.
    args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
  });
  try {
    for (const theme of ["light", "dark"]) {
      await take(browser, `list-${theme}`, { address: `${origin}/#/`, theme, width: 1280, height: 400 });
      await take(browser, `run-${theme}`, {
        address: `${origin}/#/run/${shownRun}`,
        theme,
        width: 1280,
        height: 1500,
      });
    }
    await take(browser, "run-narrow", {
      address: `${origin}/#/run/${shownRun}`,
      theme: "light",
      width: 375,
      height: 1500,
    });
  } finally {
    await browser.close();
    server.kill("SIGTERM");
    await ended;
  }
}

async function take(browser, name, { address, theme, width, height }) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: theme });
  const page = await context.newPage();
  await page.route(`${new URL(address).origin}/`, async (route) => {
    const response = await route.fetch();
    const html = await response.text();
    await route.fulfill({ response, body: html.replace(`content="${command}"`, 'content="collm-nas"') });
  });
  await page.goto(address);
  const isRun = address.includes("/run/");
  for (const sign of isRun
    ? [
        "text=is live",
        "text=/100 of 100/",
        ...controls.map((name) => `svg text:has-text("${name} (control)")`),
      ]
    : [`table.runs tbody tr >> nth=${Object.keys(searches).length - 1}`])
    await page.locator(sign).filter({ visible: true }).first().waitFor();
  const path = join(images, `${name}.png`);
  await page.screenshot({ path });
  await context.close();
  const { size } = statSync(path);
  if (size > largestBytes)
    throw new Error(`${path} has ${size} bytes, more than ${largestBytes}; take less height`);
  console.error(`screenshots: docs/images/${name}.png, ${Math.round(size / 1000)} kB`);
}
