import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Zippable, zipSync } from 'fflate';
import { assignedBy } from './check-assignment.ts';
import { type CheckFlags, quoted, REPORTS } from './check-options.ts';
import { UsageError, UserError } from './exit-status.ts';
import { packageFolder } from './package-files.ts';
import { expectReportFile, replaceFile } from './report-folder.ts';

/** What a program may be run with (zip's external attributes of Unix). */
const EXECUTABLE = { os: 3, attrs: (0o100755 << 16) >>> 0 } as const;

const READABLE = { os: 3, attrs: (0o100644 << 16) >>> 0 } as const;

/** Runs once, when the image is built ("Autograder Specifications"). */
const SETUP = `#!/usr/bin/env bash
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends ca-certificates npm bubblewrap python3 default-jdk-headless
npm install --global n
n 22
hash -r
npm install --global /autograder/source/wirelab.tgz
`;

/** Runs for each submission. */
function runScript(flags: string): string {
  return `#!/usr/bin/env bash
# What is lost is in the results, so a status above 0 is no error here.
mkdir -p /autograder/results
# What is graded may run as somebody else, who has no business there.
chmod go-w /autograder/results
submitted=$(sed -n 's/.*"created_at": *"\\([^"]*\\)".*/\\1/p' /autograder/submission_metadata.json | head -n 1)
wirelab check ${flags} --dir /autograder/submission --out /autograder/results/report \\
  \${submitted:+--submitted "$submitted"} --gradescope /autograder/results/results.json || true
`;
}

/** Flags of a grading, which this is none. */
const OTHERS = [...REPORTS, 'batch', 'only', 'submitted', 'jobs', 'again'] as const;

/**
 * Writes an autograder for Gradescope: what is uploaded there as it is.
 * @throws UserError when the package is not built, or it cannot be written
 */
export async function writeGradescopeZip(path: string, flags: CheckFlags): Promise<void> {
  const other = OTHERS.find((name) => flags[name] !== undefined);
  if (other !== undefined) {
    throw new UsageError(`--gradescope-zip grades nothing: --${other} does not go with it`);
  }
  expectReportFile('--gradescope-zip', path);
  const { side, command } = assignedBy(flags);
  const by =
    flags.assignment === undefined ? '' : ' --assignment /autograder/source/assignment.yaml';
  const files: Zippable = {
    'setup.sh': [Buffer.from(SETUP), EXECUTABLE],
    run_autograder: [Buffer.from(runScript(`--${side} ${quoted(command)}${by}`)), EXECUTABLE],
    'wirelab.tgz': [packed(), { ...READABLE, level: 0 }],
  };
  if (flags.assignment !== undefined) {
    files['assignment.yaml'] = [readFileSync(flags.assignment), READABLE];
  }
  await replaceFile(path, zipSync(files));
  process.stdout.write(`${path}\n`);
}

/** This package, as npm installs it. */
function packed(): Buffer {
  const from = packageFolder();
  if (!existsSync(join(from, 'dist/cli.js'))) {
    throw new UserError('the package is not built: npm run build does that');
  }
  const folder = mkdtempSync(join(tmpdir(), 'wirelab-pack-'));
  try {
    const args = ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder];
    execFileSync('npm', args, { cwd: from, stdio: ['ignore', 'ignore', 'inherit'] });
    const [name = ''] = readdirSync(folder);
    return readFileSync(join(folder, name));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
