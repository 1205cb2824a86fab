import type { Result } from './check.ts';
import { type ClassEntry, failingMost, scoreInWords } from './class-table.ts';
import { whyOf } from './grade.ts';
import { asMarkup } from './markup.ts';

const MOST_NAMED = 4;
const STYLE = `
:root { color-scheme: light dark; --line: #8884; }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.3rem; } h2 { font-size: 1.05rem; margin-top: 1.6rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid var(--line); }
td:first-child, th:first-child { white-space: nowrap; } td.number { white-space: nowrap; }
table.counts { width: auto; } table.counts td, table.counts th { padding-right: 2rem; }
`;

/** The class on one page: who has how many points and why, and which checks went wrong most often. */
export function classPage(title: string, entries: readonly ClassEntry[]): string {
  const rows = entries.map(({ name, report, why = '' }) => {
    if (report === undefined)
      return `<tr><td>${asMarkup(name)}<td class="number">–<td>${asMarkup(why)}`;
    const lost = report.results.filter(({ status }) => status !== 'passed');
    const words = reasonsOf(lost);
    const link = `<a href="${encodeURIComponent(name)}/report.html">${asMarkup(name)}</a>`;
    return `<tr><td>${link}<td class="number">${scoreInWords(report)}<td>${asMarkup(words)}`;
  });
  const counts = failingMost(entries)
    .filter(({ failed, partly }) => failed + partly > 0)
    .map(({ check, failed, partly, all }) => {
      return `<tr><td>${asMarkup(check)}<td class="number">${failed} of ${all}<td class="number">${partly}`;
    });
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="wirelab check">
<title>${asMarkup(title)}</title>
<style>${STYLE}</style>
<h1>${asMarkup(title)}: ${entries.length} submissions</h1>
<table><tr><th>submission<th>points<th>lost by${rows.join('\n')}</table>
<h2>What went wrong most often</h2>
<table class="counts"><tr><th>check<th>wrong<th>in part${counts.join('\n')}</table>
</html>
`;
}

/** Each reason once, with the checks that it has cost. */
function reasonsOf(lost: readonly Result[]): string {
  const checks = new Map<string, string[]>();
  for (const result of lost) {
    const why = whyOf(result);
    checks.set(why, [...(checks.get(why) ?? []), result.check]);
  }
  return [...checks]
    .map(([why, names]) => {
      const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
      return `${names.slice(0, MOST_NAMED).join(', ')}${more}: ${why}`;
    })
    .join('; ');
}
