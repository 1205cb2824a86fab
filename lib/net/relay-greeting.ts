import { openConnection } from './open-connection.ts';

/** Whether a relay answers there. Its transfers have their ports before it does. */
export async function greets(server: string, port: number): Promise<boolean> {
  try {
    const socket = await openConnection({ host: server, port });
    return await new Promise((resolve) => {
      socket.setTimeout(5000, () => socket.destroy());
      socket.once('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.on('error', () => undefined);
      socket.once('end', () => socket.destroy());
      socket.once('close', () => resolve(false));
    });
  } catch {
    return false;
  }
}
