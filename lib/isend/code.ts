import { createHmac, timingSafeEqual } from 'node:crypto';
import { layout } from '../core/layout.ts';

/** Codes are asked for, and answered, on this UDP port. */
export const CODE_PORT = 7770;
/** The sender's own, so that no answer fits another question. */
export const NONCE_BYTES = 16;
const PROOF_BYTES = 16;
const MAGIC = Buffer.from('isnd');
const QUESTION = 1;
const ANSWER = 2;

/** A datagram of either kind (PROTOCOL.md, "Short code"); a question has port 0. */
const datagram = layout({
  magic: MAGIC.length,
  kind: 'u8',
  port: 'u16',
  nonce: NONCE_BYTES,
  proof: PROOF_BYTES,
});

/** Whether `text` is a code, as a receiver prints it: `4821-9137`. */
export function isCode(text: string): boolean {
  return /^\d{4}-\d{4}$/.test(text);
}

/** The code for a number below 100,000,000. */
export function formatCode(number: number): string {
  const digits = String(number).padStart(8, '0');
  return `${digits.slice(0, 4)}-${digits.slice(4)}`;
}

/** Who has this code? */
export function encodeQuestion(code: string, nonce: Uint8Array): Buffer {
  return encode(code, QUESTION, 0, nonce);
}

/** The answer to a question for `code`: the TCP port; `undefined` to anything else. */
export function answerQuestion(code: string, question: Buffer, port: number): Buffer | undefined {
  const read = decode(code, question);
  return read?.kind === QUESTION ? encode(code, ANSWER, port, read.nonce) : undefined;
}

/** The TCP port of whoever has the code, if this answers the question with that nonce. */
export function decodeAnswer(code: string, answer: Buffer, nonce: Uint8Array): number | undefined {
  const read = decode(code, answer);
  const isMine = read?.kind === ANSWER && read.port > 0 && Buffer.from(read.nonce).equals(nonce);
  return isMine ? read.port : undefined;
}

function encode(code: string, kind: number, port: number, nonce: Uint8Array): Buffer {
  return datagram.encode({
    magic: MAGIC,
    kind,
    port,
    nonce,
    proof: prove(code, kind, port, nonce),
  });
}

/** `undefined` for what was not made by somebody who knows the code. */
function decode(code: string, bytes: Buffer): ReturnType<typeof datagram.decode> | undefined {
  if (bytes.length !== datagram.size) return undefined;
  const read = datagram.decode(bytes);
  if (!MAGIC.equals(read.magic)) return undefined;
  const proof = prove(code, read.kind, read.port, read.nonce);
  return timingSafeEqual(proof, read.proof) ? read : undefined;
}

function prove(code: string, kind: number, port: number, nonce: Uint8Array): Buffer {
  const head = Buffer.from([kind, port >> 8, port & 255]);
  return createHmac('sha256', code).update(head).update(nonce).digest().subarray(0, PROOF_BYTES);
}
