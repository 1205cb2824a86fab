import { readFileSync } from 'node:fs';
import { parse, YAMLParseError } from 'yaml';
import { systemCode } from '../core/errors.ts';
import { UsageError } from './exit-status.ts';

/**
 * What a file that the user has named says.
 * @param read makes something of it; what it throws is about the file. @throws UsageError in one line
 */
export function readYamlFile<Read>(path: string, read: (raw: unknown) => Read): Read {
  const text = textOf(path);
  try {
    return read(parse(text));
  } catch (error) {
    const { message } = error as Error;
    const [first = ''] = error instanceof YAMLParseError ? message.split('\n') : [message];
    throw new UsageError(`${path}: ${first}`);
  }
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') throw new UsageError(`there is no file ${path}`);
    throw new UsageError(`${path} cannot be read: ${(error as Error).message}`);
  }
}
