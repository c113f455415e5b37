/**
 * The public names of the npm package: what a program needs to search, to read a run, and to write a searcher, an
 * evaluator or a model of its own.
 *
 * What is not named here may change without notice.
 */
export { type BenchOptions, type Benched, type BenchWatch, bench } from "./app/bench.ts";
export { type Plan, type PlanFlags, type PlannedRun, readPlan } from "./app/plan.ts";
export { type Reported, type ReportFiles, report } from "./app/report.ts";
export {
  type NewSearchOptions,
  type Replayed,
  replay,
  type ResumeChanges,
  type ResumeOptions,
  resume,
  type Searched,
  type SearchOptions,
  search,
} from "./app/search.ts";
export { type Summary, summarize } from "./app/summary.ts";
export * from "./errors.ts";
export type { GrpcEvaluatorOptions } from "./evaluator/grpc-connection.ts";
export { GrpcEvaluator } from "./evaluator/grpc-evaluator.ts";
export { createRun, openRun } from "./runs/journal.ts";
export { readRun } from "./runs/run-record.ts";
export { OpenAIChat, type OpenAIChatOptions } from "./models/openai-chat.ts";
export { LocalEvaluator, type LocalEvaluatorOptions } from "./evaluator/local-evaluator.ts";
export { findPython } from "./evaluator/python-evaluator.ts";
export { type Config, parseConfig, readConfig } from "./settings/config.ts";
export { systemClock } from "./system/clock.ts";
export { BlindEvaluator, blindSpace, reveal } from "./search/blind.ts";
export type { Notice, Observe } from "./search/live-run.ts";
export { runSearch, type SearchPorts } from "./search/coordinator.ts";
export type {
  ChatReply,
  EventBody,
  MeasuredCost,
  Message,
  Outcome,
  Role,
  RunEvent,
  SearchConfig,
  StopReason,
  Verdict,
} from "./search/events.ts";
export type {
  ChatModel,
  ChatRequest,
  Clock,
  CostRequest,
  EvaluationMessage,
  EvaluationRequest,
  Evaluator,
  Journal,
  Prompt,
  Reading,
  Searcher,
  SpaceCatalog,
  SpaceSummary,
  Steering,
  Turn,
} from "./search/ports.ts";
export { type Random, randomStream } from "./search/random.ts";
export type { Architecture, ArchitectureText, Parsed, Rejection } from "./search/architecture.ts";
export { Space } from "./search/space.ts";
export { type Dimension, type SpaceDescription, spaceDescriptionSchema } from "./search/space-description.ts";
export { fold, applyEvent } from "./search/fold.ts";
export { type Funnel, funnel } from "./search/funnel.ts";
export { budgetLeft, budgetSpent } from "./search/progress.ts";
export {
  type Best,
  best,
  type Evaluation,
  evaluations,
  isBetter,
  isOverLimit,
  objective,
  testsOnSearchImages,
  trace,
  valueOf,
} from "./search/results.ts";
export type { Candidate, Round, RunState } from "./search/state.ts";
export { replaySearch, resumeSearch } from "./search/replay.ts";
export { asksRoles, checkSettings, searchers } from "./searchers/registry.ts";
export { metered, type Spend, spend } from "./search/spend.ts";
