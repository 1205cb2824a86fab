import { describe, expect, it } from 'vitest';
import { EditedLine } from './edited-line.ts';

const BAR = 'q.txt [###---] 50%';

describe('LineEditor', () => {
  it('answers with what was typed, and edits it', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    line.terminal.type('dwnload');
    for (let step = 0; step < 6; step += 1) line.terminal.press('left');
    line.terminal.type('o');
    await line.terminal.waitFor(/^> download$/);
    line.terminal.press('enter');
    expect(await command).toBe('download');
    const question = line.ask('File name:');
    await line.terminal.waitFor(/^> download\nFile name:$/);
    line.terminal.enter('q.txt');
    expect(await question).toBe('q.txt');
  });

  it('keeps the lines that were typed before they were asked for', async () => {
    await using line = await EditedLine.open(60);
    line.terminal.enter('connect');
    line.terminal.enter('alice');
    await line.terminal.waitFor('alice');
    expect(await line.command()).toBe('connect');
    expect(await line.ask('Your name:')).toBe('alice');
    await line.terminal.waitFor(/\n> connect\nYour name: alice$/);
  });

  it('prints above the line that is being typed, also when it wraps', async () => {
    await using line = await EditedLine.open(20);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    for (const typed of ['12345', '6789012345678', '9', '0', '1', '2 and more than that']) {
      line.terminal.type(typed);
    }
    const rows = '> 123456789012345678\n9012 and more than t\nhat';
    await line.terminal.waitFor(new RegExp(`^${rows}$`));
    await line.print('first');
    await line.terminal.waitFor(new RegExp(`^first\n${rows}$`));
    line.terminal.press('home');
    await line.print('second');
    await line.print('third\nfourth');
    await line.terminal.waitFor(new RegExp(`^first\nsecond\nthird\nfourth\n${rows}$`));
    line.terminal.press('enter');
    expect(await command).toBe('1234567890123456789012 and more than that');
  });

  it('prints above a line that fills its row to the last column', async () => {
    await using line = await EditedLine.open(20);
    void line.command();
    await line.terminal.waitFor(/^>$/);
    line.terminal.type('123456789012345678');
    await line.terminal.waitFor(/^> 123456789012345678$/);
    await line.print('first');
    await line.print('second');
    await line.terminal.waitFor(/^first\nsecond\n> 123456789012345678$/);
    line.terminal.type('9');
    await line.terminal.waitFor(/^first\nsecond\n> 123456789012345678\n9$/);
  });

  it('counts characters that take two columns', async () => {
    await using line = await EditedLine.open(20);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    // Prompt and nine of them fill the row.
    line.terminal.type('日本語日本語日本語日本');
    await line.terminal.waitFor(/^> 日本語日本語日本語\n日本$/);
    await line.print('first');
    await line.terminal.waitFor(/^first\n> 日本語日本語日本語\n日本$/);
    line.terminal.press('enter');
    expect(await command).toBe('日本語日本語日本語日本');
  });

  it('keeps several lines of status above the line, each in one row', async () => {
    await using line = await EditedLine.open(20);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    await line.setStatus('one [##--] 50% and some more\ntwo [#---] 25%');
    await line.terminal.waitFor(/^one \[##--\] 50% and\ntwo \[#---\] 25%\n>$/);
    line.terminal.type('ab');
    await line.print('a line');
    await line.terminal.waitFor(/^a line\none \[##--\] 50% and\ntwo \[#---\] 25%\n> ab$/);
    await line.setStatus('two [##--] 50%');
    await line.terminal.waitFor(/^a line\ntwo \[##--\] 50%\n> ab$/);
    await line.setStatus('one\ntwo\nthree');
    await line.terminal.waitFor(/three\n> ab$/);
    line.terminal.press('enter');
    expect(await command).toBe('ab');
    await line.terminal.waitFor(/^a line\n> ab$/);
  });

  it('keeps a status above the line, and takes it away without a trace', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    line.terminal.type('half');
    await line.setStatus(BAR);
    await line.terminal.waitFor(/^q\.txt \[###---\] 50%\n> half$/);
    await line.print('news');
    await line.terminal.waitFor(/^news\nq\.txt \[###---\] 50%\n> half$/);
    line.terminal.enter(' a line');
    expect(await command).toBe('half a line');
    await line.terminal.waitFor(/^news\n> half a line$/);
    void line.ask('To whom:');
    await line.terminal.waitFor(/^news\n> half a line\nq\.txt \[###---\] 50%\nTo whom:$/);
    await line.setStatus(undefined);
    await line.terminal.waitFor(/^news\n> half a line\nTo whom:$/);
  });

  it('leaves a long line once when it is entered below a status', async () => {
    await using line = await EditedLine.open(20);
    const command = line.command();
    await line.setStatus('##--');
    line.terminal.type('123456789012345678901234567890');
    await line.terminal.waitFor(/^##--\n> 123456789012345678\n901234567890$/);
    line.terminal.press('enter');
    expect(await command).toHaveLength(30);
    void line.command();
    await line.terminal.waitFor(/^> 123456789012345678\n901234567890\n##--\n>$/);
  });

  it('leaves a line that fills its row once when it is entered below a status', async () => {
    await using line = await EditedLine.open(20);
    const command = line.command();
    await line.setStatus('##--');
    line.terminal.type('123456789012345678');
    await line.terminal.waitFor(/^##--\n> 123456789012345678$/);
    line.terminal.press('enter');
    await command;
    void line.command();
    await line.terminal.waitFor(/^> 123456789012345678\n##--\n>$/);
  });

  it('leaves nothing of a status behind when the cursor is not at the end of the line', async () => {
    await using line = await EditedLine.open(20);
    const command = line.command();
    await line.setStatus('##--');
    line.terminal.type('123456789012345678901234567890');
    line.terminal.press('home');
    await line.terminal.waitFor(/^##--\n> 123456789012345678\n901234567890$/);
    line.terminal.press('enter');
    await command;
    void line.command();
    await line.terminal.waitFor(/^> 123456789012345678\n901234567890\n##--\n>$/);
  });

  it('reports Ctrl-C, and goes on', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    line.terminal.press('ctrl-c');
    line.terminal.enter('still here');
    expect(await command).toBe('still here');
    expect(line.interrupts).toBe(1);
  });

  it.each(['ctrl-d', 'close'] as const)('answers nothing more after %s', async (how) => {
    await using line = await EditedLine.open(60);
    const waiting = [line.command(), line.askBetween('Go on?')];
    await line.terminal.waitFor(/Go on\?$/);
    if (how === 'close') void line.close();
    else line.terminal.press('ctrl-d');
    expect(await Promise.all(waiting)).toEqual([undefined, undefined]);
    expect(await line.command()).toBeUndefined();
    expect(await line.ask('Really?')).toBeUndefined();
    expect(await line.askBetween('Really?')).toBeUndefined();
    await line.print('the last word');
    await line.terminal.waitFor(/Go on\?\nthe last word$/);
  });
});

describe('LineEditor.askBetween', () => {
  it('asks in place of an empty prompt', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    const question = line.askBetween('Go on?');
    await line.terminal.waitFor(/^Go on\?$/);
    line.terminal.enter('proceed');
    expect(await question).toBe('proceed');
    await line.terminal.waitFor(/^Go on\? proceed\n>$/);
    line.terminal.enter('get_users');
    expect(await command).toBe('get_users');
  });

  it('lets a half typed line and its questions be finished first', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    line.terminal.type('hel');
    await line.terminal.waitFor(/^> hel$/);
    const between = line.askBetween('Go on?');
    await line.terminal.waitFor(/^Go on\? \(.*first\)\n> hel$/);
    line.terminal.enter('lo');
    expect(await command).toBe('hello');
    const question = line.ask('To whom:');
    await line.terminal.waitFor(/\n> hello\nTo whom:$/);
    line.terminal.enter('bob');
    expect(await question).toBe('bob');
    const next = line.command();
    await line.terminal.waitFor(/\nTo whom: bob\nGo on\?$/);
    line.terminal.enter('no');
    expect(await between).toBe('no');
    line.terminal.enter('bye');
    expect(await next).toBe('bye');
  });

  it('asks once the half typed line is wiped out and entered', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    await line.terminal.waitFor(/^>$/);
    line.terminal.type('hel');
    await line.terminal.waitFor(/^> hel$/);
    const between = line.askBetween('Go on?');
    await line.terminal.waitFor(/\n> hel$/);
    line.terminal.press('ctrl-u');
    line.terminal.press('enter');
    expect(await command).toBe('');
    void line.command();
    await line.terminal.waitFor(/\nGo on\?$/);
    line.terminal.enter('yes');
    expect(await between).toBe('yes');
  });

  it('asks one question after the other', async () => {
    await using line = await EditedLine.open(60);
    void line.command();
    const first = line.askBetween('First?');
    const second = line.askBetween('Second?');
    await line.terminal.waitFor(/^First\?$/);
    line.terminal.enter('1');
    await line.terminal.waitFor(/^First\? 1\nSecond\?$/);
    line.terminal.enter('2');
    expect(await Promise.all([first, second])).toEqual(['1', '2']);
    await line.terminal.waitFor(/\nSecond\? 2\n>$/);
  });

  it('takes a question back, and what was typed for it, and shows the prompt', async () => {
    await using line = await EditedLine.open(60);
    const command = line.command();
    const question = line.askBetween('Go on?');
    await line.terminal.waitFor(/^Go on\?$/);
    line.terminal.type('proc');
    await line.terminal.waitFor(/^Go on\? proc$/);
    await line.takeBack();
    expect(await question).toBeUndefined();
    await line.terminal.waitFor(/^>$/);
    line.terminal.enter('get_users');
    expect(await command).toBe('get_users');
  });
});
