import {
  type ReferenceServer,
  type ReferenceServerOptions,
  startReferenceServer,
} from '../support/reference-server.ts';

export interface Reference extends ReferenceServer, AsyncDisposable {}

/** The reference server, closed at the end of the block; closing it twice is no error. */
export async function startReference(
  options: Partial<Omit<ReferenceServerOptions, 'files'>> & {
    files?: Readonly<Record<string, Buffer>>;
  },
): Promise<Reference> {
  const { files = {}, framing = 'line', ...rest } = options;
  const server = await startReferenceServer({
    ...rest,
    framing,
    files: new Map(Object.entries(files)),
  });
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= server.close();
    return closing;
  };
  return { port: server.port, received: server.received, close, [Symbol.asyncDispose]: close };
}
