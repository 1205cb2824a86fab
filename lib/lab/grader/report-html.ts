import type { Finding, Result } from './check.ts';
import {
  byFamily,
  framesOf,
  type Grade,
  obstacleInWords,
  obstacleOf,
  totals,
  whyOf,
} from './grade.ts';
import { asMarkup } from './markup.ts';

/** Charts of the capture of a check, as SVG. */
export type ChartsOf = (result: Result) => readonly string[];

const MARK: Readonly<Record<Result['status'], string>> = {
  ...{ passed: '✓', partly: '◐', failed: '✗', 'left-out': '–' },
};
const UNTRIED_MARK = '○';

const STYLE = `
:root { color-scheme: light dark; --background: #fff; --text: #1a1a1a; --faint: #595959; --line: #d8d8d8;
  --good: #1b6e3c; --bad: #a3261d; }
@media (prefers-color-scheme: dark) { :root { --background: #16181d; --text: #ececec; --faint: #b0b0b0;
  --line: #3a3d44; --good: #6fd497; --bad: #ff9a8f; } }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; background: var(--background); color: var(--text);
  font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .3rem; }
.score { font-size: 1.6rem; font-weight: bold; margin: .2rem 0; }
.first { font-weight: bold; } .first::first-letter { text-transform: uppercase; }
.faint, dt { color: var(--faint); }
dl { display: grid; grid-template-columns: minmax(10rem, max-content) 1fr; gap: .1rem 1rem; margin: .4rem 0; }
dd { margin: 0; }
details { border-top: 1px solid var(--line); padding: .35rem 0; }
summary { cursor: pointer; }
.check > summary { display: flex; gap: .6rem; }
.check > summary::before { content: "▸"; color: var(--faint); } .check[open] > summary::before { content: "▾"; }
summary .name { flex: 1; } summary .points { white-space: nowrap; }
.passed .mark { color: var(--good); } .failed .mark, .partly .mark { color: var(--bad); }
.inside { padding: .2rem 0 .6rem 1.6rem; }
pre { background: color-mix(in srgb, var(--text) 6%, transparent); padding: .5rem; overflow-x: auto; font-size: 13px;
  white-space: pre-wrap; }
.chart { background: #fff; margin: .5rem 0; } .chart svg { width: 100%; height: auto; }
@media print { details > * { display: block; } }
`;

export interface ReportOptions {
  readonly charts: ChartsOf;
  /** Points that are taken off as it came late. */
  readonly late: number;
  /** Where the commands that repeat something have to be given; absent: beside the program. */
  readonly where?: string;
  /** Some of the grade is hidden for now. */
  readonly isPart?: boolean;
}

/** The whole grade on one page that needs no network. */
export function htmlReport(grade: Grade, options: ReportOptions): string {
  const { late, isPart = false } = options;
  const { earned, points } = totals(grade.results);
  const families = [...byFamily(grade.results)].map(([family, results]) => {
    const sum = totals(results);
    const rows = results.map((result) => checkOf(result, options)).join('');
    return `<section><h2>${asMarkup(family)} <span class="faint">${sum.earned} of ${sum.points}</span></h2>${rows}</section>`;
  });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="wirelab check">
<title>${earned} of ${points}: ${asMarkup(grade.title)}</title>
<style>${STYLE}</style>
<h1>${asMarkup(grade.title)}</h1>
<p class="score">${earned} of ${points} points</p>${late > 0 ? `<p>It came late: ${late} points are taken off.</p>` : ''}${isPart ? '<p>Other checks are hidden until the grades are out: the sums here are without them.</p>' : ''}
<dl>${pair(`the ${grade.side}`, grade.command)}${pair('took', `${grade.seconds.toFixed(1)} s`)}${pair('while it ran', grade.sandbox)}</dl>
${lostPoints(grade.results)}
<h2>How it reads the document</h2>
<dl>${grade.readings.map(([what, how]) => pair(what, how)).join('')}</dl>
${families.join('\n')}
</html>
`;
}

/** What to look at, from the top of the page: what to mend first, and a line for each check that has found something. */
function lostPoints(results: readonly Result[]): string {
  const lost = results.filter(({ earned, points }) => earned < points);
  if (lost.length === 0) return '';
  const obstacle = obstacleOf(results);
  const first =
    obstacle === undefined ? '' : `<p class="first">${asMarkup(obstacleInWords(obstacle))}</p>`;
  const rows = lost.flatMap((result) => {
    const { check, earned, points, untried } = result;
    if (untried !== undefined) return [];
    const less = String(Math.round((points - earned) * 100) / 100);
    return [
      `<li><a href="#${anchorOf(check)}">${asMarkup(check)}</a> −${less} <span class="faint">${asMarkup(whyOf(result))}</span></li>`,
    ];
  });
  const list = rows.length === 0 ? '' : `<ul>${rows.join('')}</ul>`;
  return `<h2>Where points are lost</h2>${first}${list}`;
}

function anchorOf(check: string): string {
  return asMarkup(check.replaceAll(/\s+/g, '-'));
}

function checkOf(result: Result, { charts, where }: ReportOptions): string {
  const { check, status, earned, points, line, hint, findings, steps, output, untried } = result;
  const isOpen = status === 'passed' || untried !== undefined ? '' : ' open';
  const mark = untried === undefined ? MARK[status] : UNTRIED_MARK;
  const inside =
    status === 'passed'
      ? `<p>${withCode(line)}</p>`
      : [
          `<p>${withCode(line)}</p>`,
          ...findings.map(findingOf),
          status === 'left-out' ? `<p>${asMarkup(whyOf(result))}</p>` : '',
          `<p><b>To find it:</b> ${withCode(hint)}</p>`,
          `<p><b>To repeat it</b>, in ${where === undefined ? 'the folder of the program' : asMarkup(where)}:</p><pre>${asMarkup(result.command)}</pre>`,
          result.capture === undefined
            ? ''
            : `<p>The packets: <a href="${asMarkup(result.capture)}">${asMarkup(result.capture)}</a>` +
              ` (scenario ${asMarkup(result.scenario)}, seed ${result.seed})</p>`,
          ...charts(result).map((svg) => `<div class="chart">${svg}</div>`),
          folded('What was done', steps.join('\n')),
          folded('What the program has printed', output),
        ].join('');
  return `<details id="${anchorOf(check)}" class="check ${status}"${isOpen}><summary><span class="mark">${mark}</span><span class="name">${asMarkup(check)}${
    status === 'passed' ? '' : ` <span class="faint">${asMarkup(whyOf(result))}</span>`
  }</span><span class="points">${earned} of ${points}</span></summary><div class="inside">${inside}</div></details>`;
}

function findingOf(finding: Finding): string {
  const { wrong, expected, got } = finding;
  const frames = framesOf(finding);
  return `<dl>${pair('wrong', wrong)}${expected === undefined ? '' : pair('expected', expected)}${
    got === undefined ? '' : pair('came', got)
  }${frames === undefined ? '' : pair('frames', frames)}</dl>`;
}

function folded(title: string, body: string): string {
  if (body.trim() === '') return '';
  return `<details><summary>${asMarkup(title)}</summary><pre>${asMarkup(body.replaceAll('\r\n', '\n'), '\n')}</pre></details>`;
}

/** What stands between backticks is what one types. */
function withCode(text: string): string {
  return asMarkup(text).replace(/`([^`]+)`/g, '<code>$1</code>');
}

function pair(name: string, value: string): string {
  return `<dt>${asMarkup(name)}</dt><dd>${asMarkup(value)}</dd>`;
}
