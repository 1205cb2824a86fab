import type { Socket } from 'node:net';

/**
 * Breaks a TCP connection: the other side is told that it was not an orderly end.
 *
 * By itself `resetAndDestroy` of Node.js first tells of an orderly end; and when the other side breaks the connection
 * while that is on its way, Node.js keeps the connection for ever, and the process never ends.
 */
export function breakConnection(socket: Socket): void {
  if (socket.destroyed) return;
  // The orderly end is on its way already.
  if (socket.writableEnded && !socket.writableFinished) {
    socket.destroy();
    return;
  }
  socket._final = (done) => done();
  socket.resetAndDestroy();
}
