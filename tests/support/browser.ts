import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';

/** Milliseconds for an answer of the browser, its start among them. */
const ANSWER_TIMEOUT_MS = 30_000;

/** Chromium: what `SHALE_TEST_CHROMIUM` names, or Debian's in PATH; undefined where there is none. */
export function findBrowser(): string | undefined {
  const given = process.env['SHALE_TEST_CHROMIUM'];
  const inPath = (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, 'chromium'));
  return [...(given === undefined ? [] : [given]), ...inPath].find(isProgram);
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

interface Answer {
  readonly id?: number;
  readonly method?: string;
  readonly sessionId?: string;
  readonly params?: Readonly<Record<string, unknown>>;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly message: string };
}

/** A browser without a window, spoken to by the DevTools protocol over two pipes: nothing listens on any port. */
export class Browser implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #profile: string;
  readonly #waiting = new Map<number, { resolve: (answer: Answer) => void; reject: (error: Error) => void }>();
  readonly #listeners = new Set<(answer: Answer) => void>();
  #asked = 0;

  private constructor(child: ChildProcess, profile: string) {
    this.#child = child;
    this.#profile = profile;
    this.#input = child.stdio[3] as Writable; // Opened as a pipe below.
    let rest = '';
    (child.stdio[4] as Readable).setEncoding('utf8').on('data', (text: string) => {
      const messages = `${rest}${text}`.split('\0');
      rest = messages.pop() ?? '';
      for (const message of messages) this.#take(JSON.parse(message) as Answer); // The protocol’s own shape.
    });
    child.on('exit', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error('the browser ended'));
    });
    this.#input.on('error', () => {});
  }

  static open(program: string): Browser {
    const profile = mkdtempSync(join(tmpdir(), 'shale-browser-'));
    const options = [
      '--headless',
      // Its own sandbox does not work for root.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-extensions',
      '--hide-scrollbars',
      '--remote-debugging-pipe',
      `--user-data-dir=${profile}`,
      'about:blank',
    ];
    const child = spawn(program, options, {
      stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: profile, XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
    });
    return new Browser(child, profile);
  }

  async openPage(width: number, height: number): Promise<Page> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const page = new Page(this, String(sessionId));
    await page.start(width, height);
    return page;
  }

  async send(method: string, params: object = {}, sessionId?: string): Promise<Readonly<Record<string, unknown>>> {
    const id = ++this.#asked;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      setTimeout(() => reject(new Error(`the browser does not answer to ${method}`)), ANSWER_TIMEOUT_MS).unref();
    });
    this.#input.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    const { error, result = {} } = await answer;
    if (error !== undefined) throw new Error(`${method}: ${error.message}`);
    return result;
  }

  listen(listener: (answer: Answer) => void): void {
    this.#listeners.add(listener);
  }

  #take(answer: Answer): void {
    if (answer.id === undefined) for (const listener of this.#listeners) listener(answer);
    else this.#waiting.get(answer.id)?.resolve(answer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise<void>((resolve) => this.#child.once('exit', () => resolve()));
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      this.send('Browser.close').catch(() => {});
      const killer = setTimeout(() => this.#child.kill('SIGKILL'), 5000);
      await ended;
      clearTimeout(killer);
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }
}

export class Page {
  readonly #browser: Browser;
  readonly #session: string;
  /** What the page’s console and the browser complained of, and what requests left the page for elsewhere. */
  readonly complaints: string[] = [];
  readonly requests: string[] = [];

  constructor(browser: Browser, session: string) {
    this.#browser = browser;
    this.#session = session;
    browser.listen(({ method, sessionId, params = {} }) => {
      if (sessionId !== session) return;
      if (method === 'Runtime.exceptionThrown' || method === 'Log.entryAdded')
        this.complaints.push(JSON.stringify(params));
      if (method === 'Network.requestWillBeSent') {
        this.requests.push((params['request'] as { url: string }).url); // The protocol’s shape.
      }
    });
  }

  async start(width: number, height: number): Promise<void> {
    for (const domain of ['Page', 'Runtime', 'Log', 'Network', 'Accessibility']) await this.#send(`${domain}.enable`);
    await this.resize(width, height);
  }

  async resize(width: number, height: number): Promise<void> {
    await this.#send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async theme(value: 'light' | 'dark'): Promise<void> {
    await this.#send('Emulation.setEmulatedMedia', { features: [{ name: 'prefers-color-scheme', value }] });
  }

  async go(url: string): Promise<void> {
    await this.#send('Page.navigate', { url });
  }

  /** The value of an expression, which may be a promise of one. */
  async value(expression: string): Promise<unknown> {
    const { result, exceptionDetails } = await this.#send('Runtime.evaluate', {
      expression,
      returnByValue: true,
      awaitPromise: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`${expression}: ${JSON.stringify(exceptionDetails)}`);
    return (result as { value?: unknown }).value; // The protocol’s shape.
  }

  /** Waits until an expression is true. */
  async until(expression: string, timeoutMs = 30_000): Promise<void> {
    const end = performance.now() + timeoutMs;
    while ((await this.value(`Boolean(${expression})`)) !== true) {
      if (performance.now() > end)
        throw new Error(`it does not come true: ${expression}\n${this.complaints.join('\n')}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** Presses the middle of the first element of a selector, as a mouse does. */
  async click(selector: string): Promise<void> {
    const place = (await this.value(
      `(() => { const e = document.querySelector(${JSON.stringify(selector)}); e.scrollIntoView({ block: 'nearest' }); const r = e.getBoundingClientRect(); return { x: r.x + r.width / 2, y: r.y + Math.min(r.height / 2, 12) }; })()`,
    )) as { x: number; y: number }; // Made on the line above.
    for (const type of ['mousePressed', 'mouseReleased'])
      await this.#send('Input.dispatchMouseEvent', { type, ...place, button: 'left', clickCount: 1 });
  }

  async key(key: string, times = 1): Promise<void> {
    const text = key.length === 1 ? key : key === 'Enter' ? '\r' : undefined;
    for (let time = 0; time < times; time++) {
      await this.#send('Input.dispatchKeyEvent', {
        type: text === undefined ? 'rawKeyDown' : 'keyDown',
        key,
        code: key,
        text,
        windowsVirtualKeyCode: KEY_CODES[key],
      });
      await this.#send('Input.dispatchKeyEvent', { type: 'keyUp', key, code: key });
    }
  }

  async type(text: string): Promise<void> {
    await this.#send('Input.insertText', { text });
  }

  async screenshot(): Promise<Buffer> {
    const { data } = await this.#send('Page.captureScreenshot', { format: 'png' });
    return Buffer.from(String(data), 'base64');
  }

  /** Roles and names as a screen reader gets them. */
  async accessibility(): Promise<readonly { readonly role: string; readonly name: string }[]> {
    const { nodes } = await this.#send('Accessibility.getFullAXTree');
    const all = nodes as readonly { ignored: boolean; role?: { value: string }; name?: { value: string } }[]; // The protocol’s shape.
    return all
      .filter(({ ignored }) => !ignored)
      .map(({ role, name }) => ({ role: role?.value ?? '', name: name?.value ?? '' }));
  }

  async #send(method: string, params: object = {}): Promise<Readonly<Record<string, unknown>>> {
    return await this.#browser.send(method, params, this.#session);
  }
}

const KEY_CODES: Readonly<Record<string, number>> = {
  Enter: 13,
  Backspace: 8,
  Escape: 27,
  ArrowLeft: 37,
  ArrowUp: 38,
  ArrowRight: 39,
  ArrowDown: 40,
  End: 35,
  Home: 36,
};
