import { spawnSync } from 'node:child_process';
import { type Browser, chromium, type Page } from 'playwright-core';

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

/** A page of its own in a browser without a window; whatever goes wrong in it fails the test. */
export class OpenPage implements AsyncDisposable {
  readonly page: Page;
  readonly #browser: Browser;
  /** What the page has complained of, or has asked of the network. */
  readonly complaints: string[] = [];

  private constructor(browser: Browser, page: Page) {
    this.#browser = browser;
    this.page = page;
  }

  static async open(
    file: string,
    { width, colorScheme = 'light' }: PageOptions,
  ): Promise<OpenPage> {
    const path = spawnSync('sh', ['-c', `command -v ${executablePath}`], { encoding: 'utf8' });
    const browser = await chromium.launch({
      executablePath: path.stdout.trim(),
      // As root there is no sandbox.
      args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
    });
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    const opened = new OpenPage(browser, page);
    page.on('pageerror', ({ message }) => void opened.complaints.push(message));
    page.on('console', (message) => void opened.complaints.push(message.text()));
    page.on('request', (request) => {
      if (request.url() !== `file://${file}`) opened.complaints.push(request.url());
    });
    await page.goto(`file://${file}`);
    return opened;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#browser.close();
  }
}
