import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join, resolve, sep } from 'node:path';
import type { CheckInfo, Side } from '../lab/grader/check.ts';
import { CLIENT_CHECKS } from '../lab/grader/client-checks.ts';
import { SERVER_CHECKS } from '../lab/grader/server-checks.ts';
import { IN_WORDS } from '../lab/grader/stages.ts';
import { UsageError } from './exit-status.ts';

export interface CheckFlags {
  readonly server?: string;
  readonly client?: string;
  readonly dir: string;
  readonly assignment?: string;
  readonly only?: readonly string[];
  readonly out: string;
  readonly submitted?: number;
  readonly junit?: string;
  readonly tap?: string;
  readonly gradescope?: string;
  readonly github?: string;
  readonly batch?: string;
  readonly jobs?: number;
  readonly again?: true;
  readonly gradescopeZip?: string;
  readonly explain?: string;
  readonly list?: true;
}

/** The flags that name files for other programs. */
export const REPORTS = ['junit', 'tap', 'github', 'gradescope'] as const;

export const CHECKS: Readonly<Record<Side, readonly CheckInfo[]>> = {
  ...{ server: SERVER_CHECKS, client: CLIENT_CHECKS },
};
/** What has no points of its own. */
const BEYOND = 'beyond the document: done where an assignment gives it points';
const SIDES = ['server', 'client'] as const;

/** @throws UsageError when a name is none of a check */
export function expectChecks(side: Side, names: readonly string[] = []): void {
  const unknown = names.find((name) => !CHECKS[side].some((one) => one.name === name));
  if (unknown !== undefined) {
    throw new UsageError(`there is no check '${unknown}' of a ${side}; see --list`);
  }
}

export function listOfChecks(): string {
  return SIDES.map((side) => {
    const lines = CHECKS[side].map(({ name, family, points }) => {
      const note = points === 0 ? `  (${BEYOND})` : '';
      return `  ${family.padEnd(18)} ${name.padEnd(28)} ${points}${note}\n`;
    });
    return `of a ${side}\n${lines.join('')}`;
  }).join('');
}

/** @throws UsageError when there is none of that name */
export function explanation(name: string): string {
  const found = SIDES.flatMap((side) => {
    return CHECKS[side].filter((one) => one.name === name).map((one) => ({ side, ...one }));
  });
  if (found.length === 0) throw new UsageError(`there is no check '${name}'; see --list`);
  return found
    .map(({ side, family, points, line, hint, needs = 'online', scenario = 'clean', seed = 1 }) =>
      [
        `${name} (of a ${side}, ${family}, ${points} point${points === 1 ? '' : 's'})`,
        ...(points === 0 ? [`It is ${BEYOND}.`] : []),
        `What it tests: ${line}`,
        `To find what is wrong: ${hint}`,
        `The path: scenario ${scenario}, seed ${seed}`,
        ...(needs === 'nothing'
          ? []
          : [`It can be tried when the program gets as far as ${IN_WORDS[needs]}.`]),
        '',
      ].join('\n'),
    )
    .join('\n');
}

/**
 * Reports must not replace what was handed in.
 * @param mayBeWithin a student has his report beside his program
 * @throws UsageError
 */
export function expectApart(out: string, submissions: string, mayBeWithin: boolean): void {
  const [one, other] = [realOf(out), realOf(submissions)];
  const holds = (outer: string, inner: string): boolean =>
    inner === outer || inner.startsWith(outer.endsWith(sep) ? outer : outer + sep);
  // A link in what was handed in may lead anywhere.
  const leads = holds(resolve(submissions), resolve(out)) && !holds(other, one);
  if (!leads && !holds(one, other) && (mayBeWithin || !holds(other, one))) return;
  throw new UsageError(
    `--out ${out} is in the same place as ${submissions}: it has to be elsewhere`,
  );
}

/** Where it is, or would be. */
function realOf(path: string): string {
  const whole = resolve(path);
  if (existsSync(whole)) return realpathSync(whole);
  const parent = dirname(whole);
  return parent === whole ? whole : join(realOf(parent), basename(whole));
}

/** For a shell, as one word. */
export function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
