/**
 * The TypeScript types of the contract: `node scripts/proto.mjs` writes src/evaluator/contract/ from the .proto file,
 * `--check` writes nothing and fails when what is there is not what would be written.
 *
 * It calls the generator. The options that shape the messages are read from
 * src/evaluator/contract-options.ts, which the adapter loads the contract with.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const proto = "proto/collm_nas/v1/evaluator.proto";
const optionsFile = "src/evaluator/contract-options.ts";
const contract = "src/evaluator/contract";

const check = process.argv.includes("--check");
const generator = join(root, "node_modules/.bin/proto-loader-gen-types");
if (!existsSync(generator)) fail("the packages are not installed: run `npm run setup`.", 2);

// Beside the other things that are installed, and on one file system with src/, so that a rename can move it.
const scratch = mkdtempSync(join(root, "node_modules/.contract-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const made = join(scratch, "contract");
generate(made);

const differences = compare(join(root, contract), made);
if (check) {
  if (differences.length > 0) {
    fail(`${contract} is not what ${proto} gives (${differences.join(", ")}): run \`npm run proto\`.`, 1);
  }
  console.log(`${contract} is current: ${files(made).length} files`);
} else if (differences.length === 0) {
  console.log(`${contract} was current: ${files(made).length} files`);
} else {
  rmSync(join(root, contract), { recursive: true, force: true });
  renameSync(made, join(root, contract));
  console.log(
    `${contract} written: ${files(join(root, contract)).length} files, ${differences.length} of them differ`,
  );
}

function generate(folder) {
  const result = spawnSync(
    generator,
    [
      ...loaderFlags(),
      "--grpcLib=@grpc/grpc-js",
      "--targetFileExtension=.ts",
      "--importFileExtension=.ts",
      `--outDir=${folder}`,
      proto,
    ],
    { cwd: root, encoding: "utf8" },
  );
  if (result.error) fail(`${generator}: ${result.error.message}`, 1);
  if (result.status !== 0 || files(folder).length === 0) {
    fail(`the generator failed on ${proto}:\n${result.stdout}${result.stderr}`, 1);
  }
}

/** `longs: String` becomes `--longs=String`, `defaults: true` becomes `--defaults`. */
function loaderFlags() {
  const source = readFileSync(join(root, optionsFile), "utf8");
  const body = /contractOptions = \{([^}]*)\}/.exec(source)?.[1];
  const lines =
    body
      ?.split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "") ?? [];
  if (lines.length === 0) fail(`${optionsFile} holds no contractOptions.`, 1);
  return lines.map((line) => {
    const option = /^(\w+): (String|Number|Array|true),$/.exec(line);
    if (option === null) fail(`${optionsFile}: cannot read the option "${line}".`, 1);
    const [, name, value] = option;
    return value === "true" ? `--${name}` : `--${name}=${value}`;
  });
}

/** Every file in a folder, by its path from there, sorted. */
function files(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}

/** What differs between two folders, in words. */
function compare(before, after) {
  const old = new Set(files(before));
  const differences = [];
  for (const file of files(after)) {
    if (!old.delete(file)) differences.push(`${file} is new`);
    else if (!readFileSync(join(before, file)).equals(readFileSync(join(after, file)))) {
      differences.push(`${file} changed`);
    }
  }
  for (const file of old) differences.push(`${file} is gone`);
  return differences;
}

function fail(message, code) {
  console.error(`proto: ${message}`);
  process.exit(code);
}
