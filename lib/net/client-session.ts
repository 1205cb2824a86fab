import { type Millis, millis } from '../core/brands.ts';
import { inPattern } from '../core/text.ts';
import type {
  ClientReadings,
  ClientSession,
  ServingPlan,
  ServingRecord,
  TerminalUnderTest,
} from '../lab/grader/client-bench.ts';
import { TRIAL_FILE } from '../lab/grader/client-readings.ts';
import type { ClientProbe } from './client-probe.ts';
import { ClientScreen, lastOf } from './client-screen.ts';
import { delay } from './clock.ts';
import { ProbeServing } from './probe-serving.ts';
import type { ProbeTalker } from './probe-talker.ts';

const HOST = '127.0.0.1';
const FIRST_PROMPT_PATIENCE = millis(3000);
const PROMPT_PATIENCE = millis(1500);
/** Whoever has shown nothing for so long is about nothing more. */
const QUIET = millis(500);
/** The same where it is not known how long it takes. */
const LONG_QUIET = millis(1200);
/** The three questions, and some that are asked again. */
const MAX_ANSWERS = 7;
/** What a client may show when half of the file is there. */
const QUESTION = /proceed|continue|go on|stop|\?\s*$/i;
const PORT = /port/i;
const SAVING_PATIENCE = millis(2500);
/** Nothing is to be saved of what was stopped; who saves it all the same does so at once. */
const STOPPED_PATIENCE = millis(1000);
const SHORT_SAVING_PATIENCE = millis(400);
/** From a client that has saved nothing before. */
const NO_SAVING_PATIENCE = millis(250);
/** A file is not written any further when it was as long for this time. */
const SETTLED = millis(1000);
/** Than in the beginning. */
const TIMES_SAVING = 10;
const SHORT_PROMPT_PATIENCE = millis(300);

interface Asked {
  readonly asked: string | undefined;
  readonly hasEnd: boolean;
}

/** A client under test in its terminal, as the grader plays the user in front of it and the server behind it. */
export class ProbeSession implements ClientSession {
  readonly #probe: ClientProbe;
  readonly #terminal: TerminalUnderTest;
  readonly name: string;
  #talker: ProbeTalker | undefined;
  readonly #screen: ClientScreen;
  #downloads = 0;
  #question: string | undefined;

  readonly #ownAddress: string;

  constructor(probe: ClientProbe, terminal: TerminalUnderTest, name: string, ownAddress: string) {
    this.#probe = probe;
    this.#ownAddress = ownAddress;
    this.#terminal = terminal;
    this.#screen = new ClientScreen(terminal, probe.clock);
    this.name = name;
  }

  get framing(): ClientReadings['framing'] {
    return this.#talker?.framing ?? 'line';
  }

  /** How long it may take until a file is saved whose parts were all delivered. */
  get #savingPatience(): Millis {
    const { files, readings } = this.#probe;
    const { saved, savedAfter } = readings;
    if (saved?.length === files[TRIAL_FILE]?.length) return SAVING_PATIENCE;
    if (saved === undefined) return NO_SAVING_PATIENCE;
    // What it saves is not the file: waiting for the rest is in vain.
    const enough = TIMES_SAVING * savedAfter;
    return millis(Math.min(SAVING_PATIENCE, Math.max(SHORT_SAVING_PATIENCE, enough)));
  }

  get address(): string {
    return this.#talker?.peerAddress ?? '';
  }

  get screen(): string {
    return lastOf(this.#screen.text);
  }

  get lastShown(): string {
    return lastOf(this.#terminal.shown);
  }

  get unread(): string {
    return this.#talker?.unread ?? '';
  }

  async type(line: string): Promise<void> {
    this.#probe.did(`the user types ${JSON.stringify(line)}`);
    this.#screen.mark();
    this.#terminal.type(line);
  }

  async untilPrompt(patience: number = PROMPT_PATIENCE): Promise<string> {
    return await this.#screen.untilPrompt(millis(patience));
  }

  async untilQuiet(): Promise<void> {
    await this.#screen.untilQuiet(QUIET);
  }

  async shows(words: RegExp, span?: number): Promise<boolean> {
    const { clock, patience } = this.#probe;
    const begin = clock.now();
    const has = (): boolean => words.test(this.#screen.text);
    if (await this.#screen.until(has, millis(span ?? patience.span))) {
      patience.answered(clock.now() - begin);
      return true;
    }
    if (span === undefined) patience.silent();
    this.#probe.did(`the terminal does not show ${words.source}`);
    return false;
  }

  async hears(words: RegExp, patience?: number): Promise<RegExpExecArray | undefined> {
    const found = await this.#talker?.hears(words, patience);
    // What ends the message goes with it.
    if (found !== undefined) await this.#talker?.hears(/^[^\n]*\n/, 30);
    return found;
  }

  async tell(text: string): Promise<void> {
    this.#screen.mark();
    await this.#talker?.say(text);
  }

  hangUp(): void {
    this.#screen.mark();
    this.#probe.did('the server closes the connection');
    this.#talker?.close();
  }

  async reconnects(): Promise<boolean> {
    for (let answers = 0; answers < MAX_ANSWERS && this.#terminal.isRunning; answers += 1) {
      const prompt = await this.untilPrompt(
        answers === 0 ? FIRST_PROMPT_PATIENCE : PROMPT_PATIENCE,
      );
      const talker = await this.#probe.accept(millis(answers < 3 ? 0 : 500));
      if (talker !== undefined) {
        this.#talker = talker;
        return true;
      }
      const asksFor = this.#askedFor(lastLine(prompt), answers);
      const isPort = asksFor === 'port';
      const host = asksFor === 'own-address' ? this.#ownAddress : HOST;
      await this.type(isPort ? String(this.#probe.port) : host);
      if (!isPort) continue;
      this.#talker = await this.#probe.accept(millis(1500));
      if (this.#talker === undefined) continue;
      await this.untilPrompt(400);
      return true;
    }
    return false;
  }

  async login(): Promise<void> {
    await this.type('connect');
    await this.untilPrompt();
    await this.tellName();
  }

  async tellName(): Promise<void> {
    await this.type(this.name);
    const { asked, hasEnd } = await this.#asks('connect', this.name);
    if (asked !== this.name) {
      this.#probe.fail({
        wrong: 'the client does not ask to be connected',
        expected: `connect|${this.name}`,
        got: asked === undefined ? this.unread || 'nothing' : `connect|${asked}`,
      });
    }
    if (this.#talker !== undefined) this.#talker.framing = hasEnd ? 'line' : 'bare';
    await this.tell(`${this.name} is connected`);
    await this.tell('connected');
    await this.untilPrompt(this.#probe.patience.shareOf(500));
  }

  async download(file: string, plan: ServingPlan = {}): Promise<ServingRecord> {
    const talker = this.#talker;
    const bytes = this.#probe.files[file];
    if (talker === undefined || bytes === undefined) throw new Error(`no download of ${file}`);
    this.#probe.saved.remove(file);
    await this.type('download');
    await this.untilPrompt();
    await this.type(file);
    const { asked } = await this.#asks('download', file);
    if (asked !== file) {
      this.#probe.fail({
        wrong: 'the client does not ask for the file',
        expected: `download|${file}`,
        got: asked === undefined ? talker.unread || 'nothing' : `download|${asked}`,
      });
    }
    const from = this.#screen.length;
    const served = await ProbeServing.run({
      ...{ talker, file, bytes, plan, readings: this.#probe.readings, clock: this.#probe.clock },
      ...{ patience: this.#probe.patience, source: this.#probe.source },
      user: {
        name: this.name,
        isAsked: (patience) => this.#isAsked(from, file, patience),
        isAskedAgain: () => this.#screen.lastWords(from, file) === this.#probe.readings.question,
        types: (line) => this.type(line),
      },
      onStep: (text) => this.#probe.did(text),
    });
    this.#downloads += 1;
    const newName = `saved-${this.name}-${this.#downloads}.bin`;
    const isOver = served.answer === undefined || served.answer === 'proceed';
    const isAlive = served.asked || served.stopped || served.reRequests.length > 0;
    const isWorking = plan.isTrial ? isAlive : this.#probe.readings.reaches === 'download-whole';
    const isHopeless = served.misread || served.isFruitless;
    const isPatient = isWorking && !isHopeless && (served.delivered || !isOver);
    let nameQuestion: string | undefined;
    if ((isOver || plan.typesNameAnyway) && (served.port !== undefined || bytes.length === 0)) {
      if (isPatient) await this.#untilAskedForName(file, plan.isTrial ?? false);
      else await this.untilPrompt(SHORT_PROMPT_PATIENCE);
      nameQuestion = this.#screen.lastWords(from, file);
      await this.type(newName);
    } else if (isPatient && !isOver) await this.#afterStop(file, newName);
    const saving = plan.isTrial ? SAVING_PATIENCE : this.#savingPatience;
    const usual = isOver ? saving : STOPPED_PATIENCE;
    const some = isPatient ? usual : SHORT_SAVING_PATIENCE;
    // Without a name nothing is to be saved.
    const patience = nameQuestion === undefined ? millis(0) : some;
    const saved = await this.#saved(file, newName, bytes.length, patience);
    const shown = this.#screen.since(from);
    return { ...served, ...saved, newName, shown, question: this.#question, nameQuestion };
  }

  /** Some keep what they have, and ask for its name. */
  async #afterStop(file: string, newName: string): Promise<void> {
    await this.untilQuiet();
    if (this.#isAskedForName(file)) await this.type(newName);
  }

  /** Whether it is known how it asks for the new name, and it has since something was typed. */
  #isAskedForName(file: string): boolean {
    const { nameQuestion } = this.#probe.readings;
    return nameQuestion !== undefined && this.#screen.hasLine(file, nameQuestion);
  }

  /** Not every client hears what is typed before it asks for the new name, and none has to ask at once. */
  async #untilAskedForName(file: string, isTrial: boolean): Promise<void> {
    if (this.#probe.readings.nameQuestion !== undefined) {
      const isAsked = (): boolean => this.#isAskedForName(file);
      if (await this.#screen.until(isAsked, PROMPT_PATIENCE)) await this.#screen.settle();
    } else if (isTrial) await this.#screen.untilQuiet(LONG_QUIET);
    else await this.untilPrompt();
  }

  /** Waits for a message that asks for something. @returns what it asks for, and whether it has a line end */
  async #asks(command: string, what: string): Promise<Asked> {
    // Who has no such command may send it as a message: msg|download|FILE.
    const begin = `(?<!\\|)${command}\\|`;
    const words = new RegExp(`${begin}(.*)`);
    const whole = new RegExp(`${begin}\\s*${inPattern(what)}\\s*$`);
    const heard = await this.#talker?.hearsMessage(words, undefined, whole);
    const asked = words.exec(heard?.text ?? '')?.[1];
    return { asked: asked?.trim(), hasEnd: heard?.hasEnd ?? false };
  }

  /** What the client has saved, when it has had the time for it. */
  async #saved(file: string, newName: string, size: number, patience: Millis) {
    const begin = this.#probe.clock.now();
    const { saved: files } = this.#probe;
    const places = [
      [newName, () => files.find(newName)],
      [file, () => files.read(file)],
    ] as const;
    let savedAfter = patience;
    let last = { length: 0, since: 0 };
    for (;;) {
      // Once for each round: what is there at the end of the time counts, or when nothing more is written.
      const time = millis(this.#probe.clock.now() - begin);
      const isOver = time >= patience || (last.length > 0 && time - last.since >= SETTLED);
      for (const [savedAs, look] of places) {
        const saved = look();
        if (saved === undefined) continue;
        savedAfter = millis(Math.min(savedAfter, time));
        if (saved.length !== last.length) last = { length: saved.length, since: time };
        if (saved.length === size || isOver) return { saved, savedAs, savedAfter };
      }
      if (isOver) return { saved: undefined, savedAs: undefined, savedAfter };
      await delay(millis(40));
    }
  }

  openFiles(): number | undefined {
    return this.#terminal.openFiles();
  }

  async #isAsked(from: number, file: string, patience: Millis): Promise<boolean> {
    const { question = QUESTION } = this.#probe.prompts;
    const has = (): boolean => question.test(this.#screen.since(from));
    if (!(await this.#screen.until(has, patience))) return false;
    await this.#screen.settle();
    const words = this.#screen.lastWords(from, file);
    this.#question = question.test(words) ? words : undefined;
    return true;
  }

  /** What a prompt is about: by its words, else by the order of the document. */
  #askedFor(prompt: string, answers: number): 'own-address' | 'server-address' | 'port' {
    const { ownAddress, serverAddress, port = PORT } = this.#probe.prompts;
    if (ownAddress?.test(prompt)) return 'own-address';
    if (serverAddress?.test(prompt)) return 'server-address';
    if (port.test(prompt) || (answers % 3 === 2 && !/\bip\b/i.test(prompt))) return 'port';
    return answers % 3 === 0 ? 'own-address' : 'server-address';
  }
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}
