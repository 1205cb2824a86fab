import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of this package: of the sources, or of what was built from them. */
export function packageFolder(): string {
  let folder = import.meta.dirname;
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the package is not complete: no package.json');
    folder = parent;
  }
  return folder;
}

/** The files to serve that come with the package. */
export function packagedFiles(): string {
  return join(packageFolder(), 'files');
}
