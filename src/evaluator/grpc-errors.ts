/**
 * Makes an error for the caller of each status of gRPC. Its text names the address and what to do next.
 */
import { type ServiceError, status } from "@grpc/grpc-js";
import { type CollmError, ContractViolation, EvaluatorUnavailable } from "../errors.ts";
import { cutTo, oneLine } from "../text/words.ts";

const longestDetail = 600;

interface Server {
  readonly address: string;
  readonly keepaliveSeconds: number;
}

/** The error for the caller that a status means. The status itself is the cause. */
export function errorOf(cause: ServiceError, { address, keepaliveSeconds }: Server): CollmError {
  const { code, details } = statusOf({ cause });
  const who = `evaluator ${address}`;
  const away = () =>
    new EvaluatorUnavailable(`${who} is not available: ${details}; check whether it runs`, { cause });
  const refused = (what: string, next: string) =>
    new ContractViolation(`${who} ${what}: ${details}; ${next}`, { cause });
  switch (code) {
    case status.UNAVAILABLE:
      if (!/\bProtocol error\b/.test(details)) return away();
      return refused("does not speak gRPC", "check the address");
    case status.CANCELLED:
    case status.DEADLINE_EXCEEDED:
    case status.ABORTED:
      return away();
    case status.RESOURCE_EXHAUSTED:
      // grpc-js says this when the server complains about pings (ENHANCE_YOUR_CALM).
      if (/^Bandwidth exhausted\b/.test(details))
        return new EvaluatorUnavailable(
          `${who} closed the connection because of too many pings (GOAWAY): this program sends one every ${keepaliveSeconds} s; allow that on the server (proto/README.md names the option)`,
          { cause },
        );
      if (!/\blarger than max\b/.test(details))
        return new EvaluatorUnavailable(
          `${who} accepts no more calls now: ${details}; wait until other calls end, or send less at once`,
          { cause },
        );
      return refused(
        "sent something that is not an answer, or an answer above 64 MiB",
        "check the address, or lower its max_batch",
      );
    case status.INTERNAL:
      if (!/^Response message parsing error|\bHTTP status code\b/.test(details))
        return new EvaluatorUnavailable(
          `${who} could not answer: ${details}; repair it, its own log says more`,
          {
            cause,
          },
        );
      return refused(
        "sent something that is not an answer",
        "check the address, and that both have the same version",
      );
    case status.UNIMPLEMENTED:
      return refused(
        "does not offer this call of collm_nas.v1.EvaluatorService",
        "check the address, or update it",
      );
    case status.NOT_FOUND:
      return refused("does not know the space any more", "serve the space again, then continue");
    case status.FAILED_PRECONDITION:
      return refused(
        "does not serve the space as it described it before",
        "serve it as before, or start a new search",
      );
    case status.INVALID_ARGUMENT:
      return refused(
        "refused a request",
        "this program and it disagree on the contract: use matching versions",
      );
    case status.UNKNOWN:
      // What a server says whose own code raised.
      return refused(
        "raised an error instead of an answer",
        "an architecture that cannot be evaluated gets a Failure in its Outcome, and the call no error: repair it, then continue",
      );
    default:
      return refused(
        `failed with ${(code === null ? null : status[code]) ?? `status ${code}`}`,
        "see its own log, repair it, then continue",
      );
  }
}

/** The error for an answer that the contract does not allow. */
export function brokenContract(address: string, what: string): ContractViolation {
  return new ContractViolation(`evaluator ${address} broke the contract: ${what}; repair or replace it`);
}

/** The gRPC status from which an error was made; its details in one line, without what grpc-js adds. */
export function statusOf(error: unknown): { readonly code: status | null; readonly details: string } {
  const cause = (error as { cause?: Partial<ServiceError> } | null)?.cause;
  const details = String(cause?.details ?? "")
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/ ?\(\d{4}-\d\d-\d\dT[^)]*\)/, "")
    .replace(/\.? ?Resolution note: ?/, " ");
  return { code: cause?.code ?? null, details: shortLine(details) || "no details" };
}

/** A text from elsewhere in one line, cut if it is long. */
export function shortLine(text: string): string {
  return cutTo(oneLine(text), longestDetail);
}
