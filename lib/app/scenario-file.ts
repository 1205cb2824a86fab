import { existsSync } from 'node:fs';
import { type RawFaults, readScenario, type Scenario } from '../lab/scenario.ts';
import { type RawScenario, SCENARIOS } from '../lab/scenarios.ts';
import { UsageError } from './exit-status.ts';
import { readYamlFile } from './yaml-file.ts';

/** What flags say beside a scenario; it comes before what the scenario says. */
export interface MoreFaults {
  readonly toClient: RawFaults;
  readonly toServer: RawFaults;
  readonly tcp: RawFaults;
}

/**
 * A path as the user wants it.
 * @param name of a ready scenario, or of a file with one. @throws UsageError that says what is wrong.
 */
export function scenarioOf(name: string | undefined, more: MoreFaults): Scenario {
  const raw = name === undefined ? {} : rawScenario(name);
  try {
    return readScenario({
      ...raw,
      'to-client': merged(asFaults(raw['to-client']), more.toClient),
      'to-server': merged(asFaults(raw['to-server']), more.toServer),
      tcp: merged(asFaults(raw.tcp), more.tcp),
    });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** Rules add up; of all else the flag counts. */
function merged(faults: RawFaults, more: RawFaults): RawFaults {
  const rules = [faults.rules ?? [], more.rules ?? []].flat();
  return { ...faults, ...more, ...(rules.length > 0 && { rules }) };
}

/** @throws UsageError when there is none of that name. */
export function readyScenario(name: string): RawScenario {
  const scenario = Object.hasOwn(SCENARIOS, name) ? SCENARIOS[name] : undefined;
  if (scenario === undefined) throw new UsageError(`there is no scenario '${name}'; see --list`);
  return scenario;
}

function rawScenario(name: string): Readonly<Record<string, unknown>> {
  if (Object.hasOwn(SCENARIOS, name)) return { ...readyScenario(name) };
  if (!existsSync(name)) {
    const known = Object.keys(SCENARIOS).join(', ');
    throw new UsageError(
      `there is no scenario '${name}', and no file of that name; ready are ${known}`,
    );
  }
  return readYamlFile(name, (raw) => {
    readScenario(raw);
    return raw as Record<string, unknown>;
  });
}

function asFaults(raw: unknown): RawFaults {
  return (raw ?? {}) as RawFaults;
}
