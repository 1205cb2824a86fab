import { spawnSync } from 'node:child_process';
import { type Browser, chromium, type Page } from 'playwright-core';
import { afterAll } from 'vitest';

/** As Debian calls it, and others do. */
const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const executablePath = NAMES.find((name) => spawnSync(name, ['--version']).status === 0);

/** Whether pages can be looked at. */
export const hasBrowser = executablePath !== undefined;
if (!hasBrowser) {
  console.warn('Left out: what looks at pages. It needs Chromium (apt-get install chromium).');
}

export interface PageOptions {
  readonly width: number;
  readonly colorScheme?: 'light' | 'dark';
}

/** One for all pages of a test file. */
let browser: Promise<Browser> | undefined;
afterAll(async () => (await browser)?.close());

function launch(): Promise<Browser> {
  const path = spawnSync('sh', ['-c', `command -v ${executablePath}`], { encoding: 'utf8' });
  return chromium.launch({
    executablePath: path.stdout.trim(),
    // As root there is no sandbox.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

/** A page in a browser without a window. */
export class OpenPage implements AsyncDisposable {
  readonly page: Page;
  /** What the page has complained of, or has asked of the network. */
  readonly complaints: string[] = [];

  private constructor(page: Page) {
    this.page = page;
  }

  static async open(
    file: string,
    { width, colorScheme = 'light' }: PageOptions,
  ): Promise<OpenPage> {
    browser ??= launch();
    const page = await (await browser).newPage({ viewport: { width, height: 900 }, colorScheme });
    const opened = new OpenPage(page);
    page.on('pageerror', ({ message }) => void opened.complaints.push(message));
    page.on('console', (message) => void opened.complaints.push(message.text()));
    page.on('request', (request) => {
      if (request.url() !== `file://${file}`) opened.complaints.push(request.url());
    });
    await page.goto(`file://${file}`);
    return opened;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.page.close();
  }
}
