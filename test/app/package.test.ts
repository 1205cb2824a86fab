import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLong } from '../support/long.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { type Finished, Program, REPOSITORY } from './programs.ts';
import { RunningServer } from './servers.ts';

const LEFT_OUT = new Set(['node_modules', '.git', '.cache', 'dist']);
const SOME = patternBytes(50_000);

let folder: TemporaryFolder;
let files: TemporaryFolder;
let server: RunningServer;
let tarball: string;

/** What npm is run with: as from a shell, not as from within another `npm run`. */
let npmEnv: NodeJS.ProcessEnv;

beforeAll(async () => {
  folder = await TemporaryFolder.create();
  files = await TemporaryFolder.create({ 'some.bin': SOME });
  server = await RunningServer.start(files.path);
  npmEnv = await makeNpmEnv();
  tarball = await pack();
  // All of it is copied and built.
}, 300_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

async function run(cwd: string, file: string, ...args: readonly string[]): Promise<Finished> {
  await using program = new Program(file, args, { cwd, env: npmEnv });
  program.endInput();
  return await program.exit;
}

async function makeNpmEnv(): Promise<NodeJS.ProcessEnv> {
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name)),
  );
  // What has been downloaded once is used, but what `npx` installs goes away with the folder.
  await using program = new Program('npm', ['config', 'get', 'cache'], { env });
  const { stdout } = await program.exit;
  const cache = join(folder.path, 'cache');
  await mkdir(cache);
  await symlink(join(stdout.trim(), '_cacache'), join(cache, '_cacache'), 'junction');
  return { ...env, npm_config_cache: cache, npm_config_prefer_offline: 'true' };
}

/** Packs a copy of the repository, so that no other test sees `dist` come and go. */
async function pack(): Promise<string> {
  const copy = join(folder.path, 'copy');
  await cp(REPOSITORY, copy, {
    recursive: true,
    filter: (path) => !LEFT_OUT.has(basename(path)) && !path.endsWith('.tgz'),
  });
  await symlink(join(REPOSITORY, 'node_modules'), join(copy, 'node_modules'), 'junction');
  const { status, stdout, stderr } = await run(copy, 'npm', 'pack');
  expect(status, stdout + stderr).toBe(0);
  const packed = (await readdir(copy)).filter((name) => name.endsWith('.tgz'));
  expect(packed).toEqual([expect.stringMatching(/^wirelab-\d+\.\d+\.\d+\.tgz$/)]);
  return join(copy, packed[0] ?? '');
}

// It installs all that the package needs once more.
describe.runIf(isLong)('the package', () => {
  it('is run by npx from its tarball, in an empty folder', async () => {
    await using here = await TemporaryFolder.create();
    const get = ['get', 'some.bin', '--yes', '--port', String(server.port)];
    const npx = ['--yes', `--package=${tarball}`, '--', 'wirelab'];
    const { status, stdout, stderr } = await run(here.path, 'npx', ...npx, ...get);
    expect(stdout, stderr).toMatch(/some\.bin\n$/);
    expect(status).toBe(0);
    expect((await readFile(join(here.path, 'some.bin'))).equals(SOME)).toBe(true);
    expect(await readdir(here.path)).toEqual(['some.bin']);
  });
});

describe('the package, installed', () => {
  let app: TemporaryFolder;

  beforeAll(async () => {
    app = await TemporaryFolder.create();
    await writeFile(join(app.path, 'package.json'), '{ "type": "module", "private": true }');
    const { status, stdout, stderr } = await run(app.path, 'npm', 'install', tarball);
    expect(status, stdout + stderr).toBe(0);
  });

  afterAll(() => app[Symbol.asyncDispose]());

  it('has what it needs, and neither sources nor tests', async () => {
    const installed = await readdir(join(app.path, 'node_modules/wirelab'), { recursive: true });
    const code = ['dist/cli.js', 'dist/index.js', 'dist/index.d.ts'];
    const wanted = ['LICENSE', 'README.md', 'CHANGELOG.md', 'files/q.txt', ...code];
    expect(wanted.filter((path) => !installed.includes(path))).toEqual([]);
    expect(installed.filter((path) => /(?<!\.d)\.ts$|^test/.test(path))).toEqual([]);
  });

  it('plays the demo', async () => {
    const { status, stdout, stderr } = await run(app.path, 'npx', 'wirelab', 'demo');
    expect(stdout, stderr).toMatch(/everything was as it must be\n$/);
    expect(status).toBe(0);
  });

  it('draws the downloads of a capture, as a page and as images', async () => {
    const capture = join(REPOSITORY, 'wireshark/captures/classroom-loss.pcapng');
    const chart = ['wirelab', 'chart', capture, '--out', 'drawn.html', '--png'];
    const { status, stderr } = await run(app.path, 'npx', ...chart);
    expect(status, stderr).toBe(0);
    const page = await readFile(join(app.path, 'drawn.html'), 'utf8');
    expect(page).toContain('story.txt');
    expect(page.length).toBeGreaterThan(500_000);
    const image = await readFile(join(app.path, 'drawn.sequence.png'));
    expect(image.subarray(1, 4).toString()).toBe('PNG');
  });

  it('serves the files that it carries', async () => {
    const cli = join(app.path, 'node_modules/wirelab/dist/cli.js');
    const args = [cli, 'serve', '--host', '127.0.0.1', '--ports', '0'];
    await using carried = new Program(process.execPath, args, { cwd: app.path });
    await carried.waitFor(/offering 6 files of .*wirelab.files\n.*listening on TCP ports \d+/);
  });

  it('is a library with types', async () => {
    const script = join(import.meta.dirname, 'library-user.ts.txt');
    await writeFile(join(app.path, 'user.ts'), await readFile(script));
    await writeFile(
      join(app.path, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          target: 'ES2022',
          module: 'NodeNext',
          strict: true,
          types: ['node'],
          typeRoots: [join(REPOSITORY, 'node_modules/@types')],
        },
        files: ['user.ts'],
      }),
    );
    const tsc = join(REPOSITORY, 'node_modules/typescript/bin/tsc');
    const compiled = await run(app.path, process.execPath, tsc);
    expect(compiled.stdout + compiled.stderr).toBe('');
    await using target = await TemporaryFolder.create();
    const ran = await run(app.path, process.execPath, 'user.js', files.path, target.path);
    expect(ran).toMatchObject({ status: 0, stderr: '' });
    expect(ran.stdout).toBe(`alice saved ${join(target.path, 'some.bin')}\n`);
    expect((await readFile(join(target.path, 'some.bin'))).equals(SOME)).toBe(true);
  });
});
