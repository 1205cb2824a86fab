// A thread does not inherit the loader for TypeScript: when the project runs from its sources, the
// thread begins here. The built package has no need of it.
import { tsImport } from 'tsx/esm/api';

await tsImport('./hash-worker.ts', import.meta.url);
