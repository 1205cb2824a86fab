/** Makes `lib/lanshare/schema.json`, which front ends in any language can use: `npm run schema`. */
import { writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { COMMANDS, EVENTS, INFOS } from '../../lib/lanshare/schemas.ts';

const FILE = new URL('../../lib/lanshare/schema.json', import.meta.url);

/** JSON Schema 2020-12: `command`, `event`, and one definition for each of them. */
export function lanshareSchema(): object {
  const infos = Object.fromEntries(
    Object.entries(INFOS).map(([name, one]) => [`info-${name}`, one]),
  );
  // An engine tells exactly these fields; in commands it ignores what it does not know.
  const events = Object.entries({ ...EVENTS, ...infos }).map(
    ([name, schema]) => [name, { ...schema, additionalProperties: false }] as const,
  );
  const anyOf = (names: readonly string[]) => ({
    anyOf: names.map((name) => ({ $ref: `#/$defs/${name}` })),
  });
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Commands and events of a lanshare engine',
    $defs: {
      command: anyOf(Object.keys(COMMANDS)),
      event: anyOf(events.map(([name]) => name)),
      ...COMMANDS,
      ...Object.fromEntries(events),
    },
  };
}

export const lanshareSchemaText = `${JSON.stringify(lanshareSchema(), undefined, 2)}\n`;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  writeFileSync(FILE, lanshareSchemaText);
}
