/**
 * A language model of random weights in a GGUF file: real to whoever loads it, half a megabyte, and without a word of
 * sense.
 *
 * Owns the file format (version 3), the shape of a small Llama and a vocabulary of single characters. The same seed
 * gives the same bytes. Source: the GGUF specification, and what llama.cpp asks of the architecture `llama`. Says
 * besides whether anything here can load such a file.
 */
import { fileURLToPath } from "node:url";
import { findLibrary } from "../../src/models/llama-runtime.ts";
import { randomStream } from "../../src/search/random.ts";

/** The folder in which a checkout has node-llama-cpp. */
export const llamaFolder = fileURLToPath(new URL("../../llm", import.meta.url));

/** Null where node-llama-cpp is installed; else what to run, for the name of what is skipped. */
export async function withoutLlama(): Promise<string | null> {
  return (await findLibrary(llamaFolder)) === null ? "skipped: run `npm run setup:llm` first" : null;
}

export interface RandomGguf {
  readonly seed?: number;
  /** The window that it says it was trained on. */
  readonly contextTokens?: number;
  /** True: it never ends an answer by itself, nor a text in quotes. */
  readonly endless?: boolean;
  /** What the file says its architecture is. */
  readonly architecture?: string;
  /** The chat template, in Jinja; without one, node-llama-cpp picks a form. */
  readonly template?: string;
}

const width = 64;
const layers = 2;
const heads = 4;
const inner = 128;

/** The form of a conversation that most small models are trained on. */
export const chatTemplate =
  "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}</s>\n{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}";

/** The bytes of a model file. */
export function randomGguf({
  seed = 1,
  contextTokens = 8_192,
  endless = false,
  architecture = "llama",
  template = chatTemplate,
}: RandomGguf = {}): Buffer {
  const tokens = vocabulary();
  const size = tokens.length;
  const random = randomStream(seed, "weights");
  const noise = (count: number, scale: number) =>
    Float32Array.from({ length: count }, () => (random.below(2_001) / 1_000 - 1) * scale);
  const ones = (count: number) => new Float32Array(count).fill(1);
  const matrix = (from: number, to: number) => ({
    shape: [from, to],
    data: noise(from * to, Math.sqrt(3 / from)),
  });
  const tensors: Record<string, { readonly shape: number[]; readonly data: Float32Array }> = {
    "token_embd.weight": { shape: [width, size], data: noise(width * size, 1) },
    "output_norm.weight": { shape: [width], data: ones(width) },
    "output.weight": { shape: [width, size], data: noise(width * size, 1) },
  };
  for (let layer = 0; layer < layers; layer++) {
    const name = (part: string) => `blk.${layer}.${part}.weight`;
    for (const part of ["attn_norm", "ffn_norm"]) tensors[name(part)] = { shape: [width], data: ones(width) };
    for (const part of ["attn_q", "attn_k", "attn_v", "attn_output"])
      tensors[name(part)] = matrix(width, width);
    for (const part of ["ffn_gate", "ffn_up"]) tensors[name(part)] = matrix(width, inner);
    tensors[name("ffn_down")] = matrix(inner, width);
  }
  if (endless) {
    // The output of these tokens is always 0, where others reach 10 and more.
    const output = tensors["output.weight"]?.data as Float32Array;
    for (const token of tokens.filter(({ text }) => text === "</s>" || text === '"' || text === "<0x22>"))
      output.fill(0, token.id * width, (token.id + 1) * width);
  }

  const key = (name: string) => `${architecture}.${name}`;
  const pairs: Value[] = [
    text("general.architecture", architecture),
    text("general.name", "random"),
    number(key("context_length"), contextTokens),
    number(key("embedding_length"), width),
    number(key("block_count"), layers),
    number(key("feed_forward_length"), inner),
    number(key("attention.head_count"), heads),
    number(key("attention.head_count_kv"), heads),
    fraction(key("attention.layer_norm_rms_epsilon"), 1e-5),
    number(key("rope.dimension_count"), width / heads),
    number(key("vocab_size"), size),
    text("tokenizer.ggml.model", "llama"),
    list(
      "tokenizer.ggml.tokens",
      types.text,
      tokens.map((token) => textBytes(token.text)),
    ),
    list(
      "tokenizer.ggml.scores",
      types.fraction,
      tokens.map((token) => fractionBytes(-token.id)),
    ),
    list(
      "tokenizer.ggml.token_type",
      types.signed,
      tokens.map((token) => numberBytes(token.type)),
    ),
    number("tokenizer.ggml.unknown_token_id", 0),
    number("tokenizer.ggml.bos_token_id", 1),
    number("tokenizer.ggml.eos_token_id", 2),
    flag("tokenizer.ggml.add_bos_token", true),
    flag("tokenizer.ggml.add_space_prefix", false),
    ...(template === "" ? [] : [text("tokenizer.chat_template", template)]),
  ];

  const infos: Buffer[] = [];
  const data: Buffer[] = [];
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const bytes = padded(Buffer.from(tensor.data.buffer));
    const dimensions = tensor.shape.map(longBytes);
    infos.push(
      textBytes(name),
      numberBytes(dimensions.length),
      ...dimensions,
      numberBytes(0),
      longBytes(offset),
    );
    data.push(bytes);
    offset += bytes.length;
  }
  const head = [
    Buffer.from("GGUF"),
    numberBytes(3),
    longBytes(Object.keys(tensors).length),
    longBytes(pairs.length),
  ];
  return Buffer.concat([padded(Buffer.concat([...head, ...pairs, ...infos])), ...data]);
}

// --- internal ---

/** Three special tokens, the 256 bytes, and the printable characters, a blank written as SentencePiece does. */
function vocabulary(): { readonly id: number; readonly text: string; readonly type: number }[] {
  const bytes = Array.from(
    { length: 256 },
    (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`,
  );
  const characters = Array.from({ length: 95 }, (_, at) => (at === 0 ? "▁" : String.fromCharCode(32 + at)));
  const typed = [
    { text: "<unk>", type: 2 },
    { text: "<s>", type: 3 },
    { text: "</s>", type: 3 },
    ...bytes.map((each) => ({ text: each, type: 6 })),
    ...characters.map((each) => ({ text: each, type: 1 })),
  ];
  return typed.map((token, id) => ({ ...token, id }));
}

/** A key with its value, as it stands in the file. */
type Value = Buffer;

const types = { number: 4, signed: 5, fraction: 6, flag: 7, text: 8, list: 9 };

const pair = (key: string, type: number, value: Buffer): Value =>
  Buffer.concat([textBytes(key), numberBytes(type), value]);
const number = (key: string, value: number) => pair(key, types.number, numberBytes(value));
const fraction = (key: string, value: number) => pair(key, types.fraction, fractionBytes(value));
const flag = (key: string, value: boolean) => pair(key, types.flag, Buffer.from([value ? 1 : 0]));
const text = (key: string, value: string) => pair(key, types.text, textBytes(value));
const list = (key: string, type: number, items: readonly Buffer[]) =>
  pair(key, types.list, Buffer.concat([numberBytes(type), longBytes(items.length), ...items]));

function numberBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function longBytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

function fractionBytes(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeFloatLE(value);
  return bytes;
}

function textBytes(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([longBytes(bytes.length), bytes]);
}

/** Tensors begin at multiples of 32. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((32 - (bytes.length % 32)) % 32)]);
}
