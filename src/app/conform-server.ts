/**
 * What a server says about itself: the list of its spaces, and the calls for a space that it cannot serve.
 *
 * Each check is one entry of the list below. The sentences are those of proto/.
 */
import type { SpaceSummary__Output } from "../evaluator/contract/collm_nas/v1/SpaceSummary.ts";
import type { Heard, Probe, Refused } from "../evaluator/contract-probe.ts";
import { listBeyondBounds } from "../evaluator/contract-bounds.ts";
import { type Check, type Found, NotChecked, quoted, type ServerSubject } from "./conform-subject.ts";

const unavailableSentence =
  "`FAILED_PRECONDITION`: another digest than the served description's; a space that is unavailable now";

/** Of lists of spaces and of descriptions. */
export const boundsSentence =
  "The bounds: 10,000 spaces, 1,000 dimensions, 5,000 choices or groups in one dimension, 20,000 slots in all, 100 metrics, costs or splits each.";

export const serverChecks: readonly Check<ServerSubject>[] = [
  {
    name: "list-ids",
    sentence: "The space's id: one id is one thing to optimise.",
    look: ({ listed: { spaces } }) => {
      const ids = spaces.map(({ id }) => id);
      if (ids.includes("")) return `ListSpaces gave a space without an id, at place ${ids.indexOf("")}`;
      const twice = ids.find((id, place) => ids.indexOf(id) < place);
      return twice === undefined ? null : `ListSpaces gave the id ${quoted(twice)} twice`;
    },
  },
  {
    name: "list-bounds",
    sentence: boundsSentence,
    look: ({ listed: { spaces } }) => {
      const excess = listBeyondBounds(spaces);
      return excess === null ? null : `ListSpaces gave ${excess}`;
    },
  },
  {
    name: "list-version",
    sentence: "Name and version of the server, for the record of a run.",
    look: ({ listed }) =>
      listed.serverVersion.trim() === "" ? "ListSpaces gave an empty server_version" : null,
  },
  {
    name: "list-reason",
    sentence: "Why it cannot be served and what to do about it; empty when available.",
    look: ({ listed: { spaces } }) => {
      const wrong = spaces.find(({ available, unavailableReason: why }) => available === (why.trim() !== ""));
      if (wrong === undefined) return null;
      return wrong.available
        ? `ListSpaces gave ${quoted(wrong.id)} as available, with the reason ${quoted(wrong.unavailableReason)}`
        : `ListSpaces gave ${quoted(wrong.id)} as unavailable, without a reason`;
    },
  },
  {
    name: "describe-unknown",
    sentence: "`NOT_FOUND`: unknown space id",
    look: async ({ probe, listed }) => {
      const id = unknownId(listed.spaces);
      return otherThan("NOT_FOUND", (await probe.describe(id)).refused, `DescribeSpace was asked for ${id}`);
    },
  },
  {
    name: "describe-unavailable",
    sentence: unavailableSentence,
    look: async ({ probe, listed }) => {
      const id = unavailableId(listed.spaces);
      return otherThan("FAILED_PRECONDITION", (await probe.describe(id)).refused, away("DescribeSpace", id));
    },
  },
  {
    name: "cost-unavailable",
    sentence: unavailableSentence,
    look: async ({ probe, listed }) => {
      const spaceId = unavailableId(listed.spaces);
      const { refused } = await probe.measureCost({ spaceId, spaceDigest: "", architectures: ["{}"] });
      return otherThan("FAILED_PRECONDITION", refused, away("MeasureCost", spaceId));
    },
  },
  {
    name: "evaluate-unavailable",
    sentence: unavailableSentence,
    look: async ({ probe, listed }) => {
      const spaceId = unavailableId(listed.spaces);
      const request = { spaceId, spaceDigest: "", split: "search", architectures: ["{}"] };
      const { refused } = await refusal(probe, request);
      return otherThan("FAILED_PRECONDITION", refused, away("Evaluate", spaceId));
    },
  },
];

/** What Evaluate says to a request that it has to refuse. Its first message ends the call. */
export async function refusal(probe: Probe, request: Parameters<Probe["evaluate"]>[0]): Promise<Heard> {
  return await probe.evaluate(request, () => true);
}

/** An id that none of these spaces has. */
export function unknownId(spaces: readonly { readonly id: string }[]): string {
  let id = "no-such-space";
  while (spaces.some((space) => space.id === id)) id += "-";
  return id;
}

/** What is said where a call did not end with this status. */
export function otherThan(wanted: string, refused: Refused | null, asked: string): Found {
  if (refused?.status === wanted) return null;
  return `${asked}; the answer has to be ${wanted}, and it was ${refused?.words ?? "no error"}`;
}

// --- internal ---

function unavailableId(spaces: readonly SpaceSummary__Output[]): string {
  const unavailable = spaces.find(({ available }) => !available);
  if (unavailable === undefined) throw new NotChecked("every space is available");
  return unavailable.id;
}

function away(call: string, id: string): string {
  return `${call} was asked for ${quoted(id)}, which is unavailable`;
}
