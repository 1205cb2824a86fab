import { type Assignment, DEFAULT_ASSIGNMENT, readAssignment } from '../lab/grader/assignment.ts';
import type { Side } from '../lab/grader/check.ts';
import { isSameReading, READINGS } from '../lab/grader/readings-words.ts';
import { CHECKS, type CheckFlags, expectChecks } from './check-options.ts';
import { UsageError } from './exit-status.ts';
import { readYamlFile } from './yaml-file.ts';

/** What is graded, and by which decisions. */
export interface Assigned {
  readonly assignment: Assignment;
  readonly side: Side;
  /** What starts the program. */
  readonly command: string;
}

type AssignedFlags = Pick<CheckFlags, 'server' | 'client' | 'assignment' | 'only'>;

/** What flags and assignment say, which have to fit each other. @throws UsageError that says what is wrong */
export function assignedBy(flags: AssignedFlags): Assigned {
  const { assignment: path } = flags;
  const assignment = path === undefined ? DEFAULT_ASSIGNMENT : readYamlFile(path, readAssignment);
  const { side, command } = subjectOf(flags, assignment);
  try {
    expectFit(assignment, side);
  } catch (error) {
    throw new UsageError(`${path}: ${(error as Error).message}`);
  }
  expectChecks(side, flags.only);
  return { assignment, side, command };
}

/** By the flags, else by the assignment, which must not be about the other side. */
function subjectOf(
  { server, client, assignment: path }: AssignedFlags,
  assignment: Assignment,
): Pick<Assigned, 'side' | 'command'> {
  if (server !== undefined && client !== undefined) {
    throw new UsageError('say --server or --client, not both');
  }
  const side = server !== undefined ? 'server' : client !== undefined ? 'client' : assignment.side;
  const command = server ?? client ?? assignment.command;
  if (side === undefined || command === undefined) {
    throw new UsageError(
      "say what to grade: --server 'COMMAND' or --client 'COMMAND', or an assignment that does",
    );
  }
  if (side !== (assignment.side ?? side)) {
    throw new UsageError(`--${side} does not go with ${path}, which is about a ${assignment.side}`);
  }
  return { side, command };
}

/** What it names has to be there on the side that is graded. @throws Error that says what is not */
function expectFit({ points, families, hidden, readings }: Assignment, side: Side): void {
  expectNames('points', Object.keys(points), side, ['name']);
  expectNames('families', families ?? [], side, ['family']);
  expectNames('hidden', hidden, side, ['name', 'family']);
  for (const [what, how] of Object.entries(readings)) expectReading(what, how, side);
  // Whoever hides it thinks that it is graded.
  const graded = CHECKS[side].filter(({ family }) => families?.includes(family) ?? true);
  const undone = hidden.find(
    (one) => !graded.some(({ name, family }) => one === name || one === family),
  );
  if (undone === undefined) return;
  throw new Error(`hidden: '${undone}' is not graded at all: it is in none of the families`);
}

const KINDS = { name: 'check', family: 'family' } as const;

function expectNames(
  key: string,
  names: readonly string[],
  side: Side,
  kinds: readonly (keyof typeof KINDS)[],
): void {
  const has = (one: Side, name: string): boolean =>
    CHECKS[one].some((check) => kinds.some((kind) => check[kind] === name));
  const wrong = names.find((name) => !has(side, name));
  if (wrong === undefined) return;
  const other = otherThan(side);
  const what = kinds.map((kind) => KINDS[kind]).join(' or ');
  throw new Error(
    has(other, wrong)
      ? `${key}: '${wrong}' is a ${what} of a ${other}, and a ${side} is graded; see --list`
      : `${key}: there is no ${what} '${wrong}' of a ${side}; see --list`,
  );
}

function expectReading(what: string, how: string, side: Side): void {
  const allowed = READINGS[side].get(what);
  if (allowed === undefined) {
    const other = otherThan(side);
    const why = READINGS[other].has(what)
      ? `'${what}' is a reading of a ${other}, and a ${side} is graded`
      : `there is no reading '${what}' of a ${side}`;
    throw new Error(`readings: ${why}; there are ${listed(READINGS[side].keys())}`);
  }
  if (allowed.some((one) => isSameReading(one, how))) return;
  throw new Error(`readings: '${what}' has to be one of ${listed(allowed)}, not '${how}'`);
}

function otherThan(side: Side): Side {
  return side === 'server' ? 'client' : 'server';
}

/** Some of them have commas and quotes within. */
function listed(texts: Iterable<string>): string {
  return [...texts].map((one) => `'${one}'`).join(', ');
}
