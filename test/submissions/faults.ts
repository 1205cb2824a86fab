import { CLIENT_FAULTS } from './client-faults.ts';
import type { Fault } from './fault.ts';
import { SERVER_FAULTS } from './server-faults.ts';

export const FAULTS: readonly Fault[] = [...SERVER_FAULTS, ...CLIENT_FAULTS];
