/**
 * What the operating system says when a file cannot be read or written, in words, and as which of our errors.
 */
import { type CollmError, Interrupted, UsageError } from "../errors.ts";

const reasons: Readonly<Record<string, string>> = {
  EACCES: "permission denied",
  EDQUOT: "disk quota used up",
  EFBIG: "file size limit reached",
  EIO: "input/output error",
  EISDIR: "it is a folder",
  EMFILE: "too many files are open",
  ENFILE: "too many files are open on this machine",
  ENOENT: "there is no such file or folder",
  ENOSPC: "disk full",
  ENOTDIR: "there is a file where a folder belongs",
  EEXIST: "there is a file where a folder belongs",
  ENXIO: "it is a socket or a device, and no file",
  EPERM: "not permitted",
  EROFS: "read-only file system",
};

const remedies: Readonly<Record<string, string>> = {
  EDQUOT: "free space",
  EFBIG: "raise the limit",
  EMFILE: "raise the limit on open files (ulimit -n 4096)",
  ENFILE: "close other programs",
  ENOSPC: "free space",
};

/** Why it failed, in a few words. */
export function reasonOf(error: unknown): string {
  return reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
}

/** The disk takes no more. What was acknowledged is stored, and the run can continue from there. */
export function cannotWrite(path: string, error: unknown, next = "resume"): Interrupted {
  const remedy = remedies[codeOf(error)] ?? "fix that";
  return new Interrupted(`cannot write ${path}: ${reasonOf(error)}; ${remedy}, then ${next}`, {
    cause: error,
  });
}

/** Whether this process, or the whole machine, may open no more files. The file itself may be fine. */
export function isOutOfFiles(error: unknown): boolean {
  return /^E[MN]FILE$/.test(codeOf(error));
}

/** Too many files are open: what could not be done for that, and what to do about it. */
export function outOfFiles(what: string, error: unknown): Interrupted {
  const code = codeOf(error);
  return new Interrupted(`${what}: ${reasonOf(error)} (${code}); ${remedies[code]}, then resume`, {
    cause: error,
  });
}

/** An error of the system that can come from anywhere, as one of ours; any other error as it is. */
export function asOurs(error: unknown): unknown {
  if (!isOutOfFiles(error)) return error;
  const path = error instanceof Error && "path" in error && typeof error.path === "string" ? error.path : "";
  return outOfFiles(path === "" ? "cannot continue" : `cannot open ${path}`, error);
}

/** A path that cannot be used as it is. */
export function unusable(what: string, error: unknown): CollmError {
  if (isOutOfFiles(error)) return outOfFiles(what, error);
  return new UsageError(`${what}: ${reasonOf(error)}; fix that or name another folder`, { cause: error });
}

/** The code of a system error, such as ENOENT; empty for any other error. */
export function codeOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? error.code : null;
  return typeof code === "string" ? code : "";
}
