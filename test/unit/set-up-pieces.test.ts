/** The pieces of both set-ups: one call at a time, and commands that end with all they have started. */
import { existsSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runCommand } from "../../src/system/child-command.mjs";
import { takeLock } from "../../src/system/touched-lock.mjs";
import { isRunning, temporaryFolder, until } from "../support/cli.ts";

const never = new AbortController().signal;

describe("the lock", () => {
  it("is taken once at a time, and waited for", async () => {
    const path = join(temporaryFolder(), "lock");
    const said: string[] = [];
    const release = await takeLock(path, { onWait: () => said.push("first"), signal: never });
    const second = takeLock(path, { onWait: () => said.push("second"), signal: never });
    await until("the second waits", () => said.length > 0);
    expect(said).toEqual(["second"]);
    release();
    const releaseSecond = await second;
    expect(existsSync(path)).toBe(true);
    releaseSecond();
    expect(existsSync(path)).toBe(false);
  });

  it("of a call that was killed is taken over", async () => {
    const path = join(temporaryFolder(), "lock");
    writeFileSync(path, "");
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(path, longAgo, longAgo);
    const release = await takeLock(path, { onWait: () => {}, signal: never });
    expect(Date.now() - statSync(path).mtimeMs).toBeLessThan(30_000);
    release();
  });

  it("is not waited for any longer on the signal", async () => {
    const path = join(temporaryFolder(), "lock");
    writeFileSync(path, "");
    const stop = new AbortController();
    const waiting = takeLock(path, { onWait: () => stop.abort(), signal: stop.signal });
    await expect(waiting).rejects.toThrow(/abort/i);
    expect(existsSync(path)).toBe(true);
  });
});

describe("a command", () => {
  const settings = () => ({ cwd: temporaryFolder(), environment: { PATH: "/usr/bin:/bin" }, signal: never });

  it("gives its lines as they come, of both streams, and how it ended", async () => {
    const heard: string[] = [];
    const script = "echo one; echo; printf two >&2; exit 4";
    const { failure, lines } = await runCommand("sh", ["-c", script], {
      ...settings(),
      onLine: (line) => heard.push(line),
    });
    expect([failure, [...lines].sort()]).toEqual(["ended with 4", ["one", "two"]]);
    expect(heard).toEqual(lines);
    expect((await runCommand("true", [], settings())).failure).toBe(null);
    expect((await runCommand("/nonexistent/program", [], settings())).failure).toMatch(/ENOENT/);
  });

  it("ends on the signal with all that it has started", async () => {
    const stop = new AbortController();
    const folder = temporaryFolder();
    const file = join(folder, "pid");
    const script = `sleep 100 & echo $! >${file}.new; mv ${file}.new ${file}; wait`;
    const running = runCommand("sh", ["-c", script], { ...settings(), signal: stop.signal });
    await until("it has started another", () => existsSync(file));
    const pid = Number(readFileSync(file, "utf8"));
    expect(isRunning(pid)).toBe(true);
    stop.abort();
    expect((await running).failure).toBe("ended with SIGTERM");
    await until("the other has ended", () => !isRunning(pid));
  });
});
