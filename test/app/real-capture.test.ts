import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { tracesOf } from '../../lib/app/capture-traces.ts';
import { summarize } from '../../lib/lab/trace-summary.ts';
import { until } from '../net/waiting.ts';
import { packets } from '../support/dissectors.ts';
import { filesIn } from '../support/extracted.ts';
import { type Host, Lan, whyNoHosts } from '../support/lan-namespaces.ts';
import { isLong } from '../support/long.ts';
import { type Program, WIRELAB } from './programs.ts';

const missing =
  spawnSync('dumpcap', ['--version']).status === 0
    ? whyNoHosts()
    : 'dumpcap (apt-get install tshark)';
if (missing !== undefined)
  console.warn(`Left out: captures by the real tool. It needs ${missing}.`);

const LAST = 'this is the last packet';
const DEMOS = ['classroom', 'relay', 'isend', 'sent', 'lanshare'];

/** The real tool, from when it listens. */
async function dumpcap(host: Host, device: string, file: string): Promise<Program> {
  // It gives up its rights, and may then not write where only root may.
  await chmod(host.folder, 0o777);
  const program = host.start(['dumpcap', '-i', device, '-w', file, '-B', '64', '-q']);
  await program.waitFor(/^File: /m);
  return program;
}

/** Ends it once it has seen everything: packets come to it in batches. */
async function end(program: Program, host: Host, to: string, file: string): Promise<void> {
  await host.start(['bash', '-c', `echo ${LAST} > /dev/udp/${to}/9`]).exit;
  await until('the last packet', () => readFileSync(file).includes(LAST));
  program.kill('SIGINT');
  const { status, stderr } = await program.exit;
  expect(status).toBe(0);
  expect(stderr).toMatch(/dropped on interface .*: \d+\/0 /);
}

// On a busy machine five demos take long.
test.skipIf(missing !== undefined || !isLong)(
  'dumpcap on the loopback interface: files, charts and dissectors of all demos',
  async () => {
    await using lan = await Lan.make();
    const host = await lan.host('alice', '10.77.0.2');
    const file = join(host.folder, 'lo.pcapng');
    const capturing = await dumpcap(host, 'lo', file);
    for (const name of DEMOS) {
      const args = ['demo', ...(name === 'classroom' ? [] : [name])];
      const demo = host.start([process.execPath, WIRELAB, ...args]);
      expect(await demo.exit).toMatchObject({ status: 0, stderr: '' });
    }
    await end(capturing, host, '127.0.0.1', file);

    const files = filesIn(file);
    // Some of the people in the demos do not want it.
    const wanted = files.filter(({ failure }) => !failure?.includes('did not want it'));
    expect(new Set(wanted.map(({ protocol }) => protocol))).toEqual(new Set(DEMOS));
    for (const { protocol, missing, failure } of wanted) {
      expect({ protocol, missing, failure }).toEqual({ protocol });
    }

    for (const protocol of DEMOS) {
      const seen = await packets(file, protocol, ['frame.number', `${protocol}.unknown`]);
      expect(seen.length).toBeGreaterThan(20);
      expect(seen.map((row) => row[`${protocol}.unknown`]).filter(Boolean)).toEqual([]);
    }
    // Once before the path with losses, and once behind it.
    const traces = tracesOf(file);
    expect(traces).toHaveLength(2);
    const [before] = traces.map(({ sendings }) => sendings.filter(({ lost }) => lost).length);
    expect(before).toBeGreaterThan(3);
    const seqs = await packets(file, 'classroom.seq', ['classroom.seq']);
    const sent = traces.flatMap(({ sendings }) =>
      sendings.filter(({ frame }) => frame !== undefined),
    );
    expect(seqs).toHaveLength(sent.length);
  },
);

test.skipIf(missing !== undefined)(
  'dumpcap on a cable: Ethernet, and datagrams in two fragments',
  async () => {
    await using lan = await Lan.make();
    const server = await lan.host('server', '10.77.0.2');
    const client = await lan.host('client', '10.77.0.3');
    const bytes = randomBytes(100_000);
    await writeFile(join(server.folder, 'f.bin'), bytes);
    const serving = server.wirelab(['serve', '--host', server.address, '--files', server.folder]);
    await serving.waitFor(/listening on TCP/);
    const file = join(client.folder, 'eth0.pcapng');
    const capturing = await dumpcap(client, 'eth0', file);
    const got = client.wirelab([
      ...['get', 'f.bin', '--server', server.address, '--port', '55000', '--yes', '--document'],
      ...['--out', join(client.folder, 'got.bin')],
    ]);
    expect(await got.exit).toMatchObject({ status: 0 });
    await end(capturing, client, server.address, file);
    const fragments = await packets(file, 'ip.flags.mf == 1', ['frame.number']);
    expect(fragments.length).toBeGreaterThanOrEqual(Math.floor(bytes.length / 2043));
    const [found, ...others] = filesIn(file);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ name: 'f.bin', missing: undefined });
    expect(Buffer.from(found?.text ?? '', 'latin1').equals(bytes)).toBe(true);
    const [trace] = tracesOf(file);
    if (trace === undefined) throw new Error('there is no download');
    expect(summarize(trace)).toMatchObject({ lost: 0, missing: 0, bytes: bytes.length });
  },
);
