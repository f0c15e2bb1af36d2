/** Recall against queries a second, as SVG: one panel for each way of asking, one line for each engine. */
import type { Entry } from './bars.js';
import type { Mode } from './engines/engine.js';
import { frontier, type Point } from './statistics.js';

const PANELS: Array<{ mode: Mode; title: string }> = [
  { mode: 'one', title: 'One query at a time, awaited' },
  { mode: 'flight', title: '16 queries in flight' },
  { mode: 'sync', title: 'One query at a time, synchronous, one thread' },
  { mode: 'batch', title: 'Batches of 100 query vectors' },
];

/** Colours that people tell apart, whatever they see of red and green: Okabe and Ito. */
const COLOURS: Record<string, string> = {
  quiverdb: '#d55e00',
  'quiverdb-rust': '#e69f00',
  lancedb: '#0072b2',
  zvec: '#009e73',
  hnswlib: '#56b4e9',
  usearch: '#cc79a7',
  faiss: '#333333',
};
const LABELS: Record<string, string> = { 'quiverdb-rust': 'quiverdb, from Rust' };

const WIDTH = 1040;
const HEIGHT = 860;
const TOP = 92;
const PANEL = { width: 440, height: 300, left: 64, gapX: 76, gapY: 84 };
const RECALL_MIN = 0.8;

interface Line {
  engine: string;
  points: Point[];
}

/** The drawing of one set. */
export function plot(title: string, entries: Entry[]): string {
  const panels = PANELS.map(({ mode, title }) => ({ title, lines: lines(entries, mode) }));
  const engines = Object.keys(COLOURS).filter((engine) =>
    panels.some(({ lines }) => lines.some((line) => line.engine === engine)),
  );
  const speeds = panels
    .flatMap(({ lines }) => lines.flatMap(({ points }) => points))
    .map(({ perSecond }) => perSecond);
  const ticks = ticksAround(Math.min(...speeds), Math.max(...speeds));
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" font-family="Helvetica, Arial, sans-serif" font-size="12" fill="#222">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${PANEL.left}" y="30" font-size="18" font-weight="bold">${escaped(title)}: recall@10 against queries a second</text>
${legend(engines)}
${panels.map((panel, i) => drawPanel(panel, i, ticks)).join('\n')}
</svg>
`;
}

/** 1, 2, 5, 10, 20 and so on, from the last below the least to the first above the greatest. */
export function ticksAround(least: number, greatest: number): number[] {
  const from = Math.floor(Math.log10(least));
  const to = Math.ceil(Math.log10(greatest));
  const all = Array.from({ length: to - from + 1 }, (_, i) => 10 ** (from + i));
  const steps = all.flatMap((power) => [power, 2 * power, 5 * power]);
  const first = steps.findLastIndex((step) => step <= least);
  const last = steps.findIndex((step) => step >= greatest);
  return steps.slice(first, last + 1);
}

/** The best of all indexes of each engine, where recall is worth a look. */
function lines(entries: Entry[], mode: Mode): Line[] {
  return Object.keys(COLOURS).flatMap((engine) => {
    const points = entries
      .filter(({ name }) => name.split(' ')[0] === engine)
      .flatMap(({ curves }) => curves?.[mode] ?? [])
      .filter(({ recall }) => recall >= RECALL_MIN);
    return points.length === 0 ? [] : [{ engine, points: frontier(points) }];
  });
}

function legend(engines: string[]): string {
  let x = PANEL.left;
  return engines
    .map((engine) => {
      const label = LABELS[engine] ?? engine;
      const item =
        `<line x1="${x}" y1="54" x2="${x + 24}" y2="54" stroke="${COLOURS[engine]}" stroke-width="3"/>` +
        `<circle cx="${x + 12}" cy="54" r="3.5" fill="${COLOURS[engine]}"/>` +
        `<text x="${x + 31}" y="58">${label}</text>`;
      x += 31 + label.length * 6.6 + 28;
      return item;
    })
    .join('\n');
}

function drawPanel(
  { title, lines }: { title: string; lines: Line[] },
  index: number,
  ticks: number[],
): string {
  const [low, high] = [ticks[0], ticks.at(-1)!];
  const left = PANEL.left + (index % 2) * (PANEL.width + PANEL.gapX);
  const top = TOP + 24 + Math.floor(index / 2) * (PANEL.height + PANEL.gapY);
  const x = (recall: number) => left + ((recall - RECALL_MIN) / (1 - RECALL_MIN)) * PANEL.width;
  const y = (perSecond: number) =>
    top + PANEL.height * (1 - Math.log(perSecond / low) / Math.log(high / low));
  const bottom = top + PANEL.height;
  const parts = [
    `<text x="${left}" y="${top - 10}" font-size="13" font-weight="bold">${escaped(title)}</text>`,
  ];
  for (const recall of [0.8, 0.85, 0.9, 0.95, 0.99, 1]) {
    const at = x(recall).toFixed(1);
    const bar = recall === 0.95 || recall === 0.99 ? '#999' : '#e4e4e4';
    parts.push(
      `<line x1="${at}" y1="${top}" x2="${at}" y2="${bottom}" stroke="${bar}"/>`,
      `<text x="${at}" y="${bottom + 16}" text-anchor="middle" font-size="11">${recall}</text>`,
    );
  }
  for (const speed of ticks) {
    const at = y(speed).toFixed(1);
    parts.push(
      `<line x1="${left}" y1="${at}" x2="${left + PANEL.width}" y2="${at}" stroke="#e4e4e4"/>`,
      `<text x="${left - 6}" y="${Number(at) + 4}" text-anchor="end" font-size="11">${speed.toLocaleString('en-US')}</text>`,
    );
  }
  parts.push(
    `<text x="${left + PANEL.width / 2}" y="${bottom + 34}" text-anchor="middle">recall@10</text>`,
    `<text transform="translate(${left - 50} ${top + PANEL.height / 2}) rotate(-90)" text-anchor="middle">queries a second</text>`,
  );
  for (const { engine, points } of lines) {
    const at = points.map(
      ({ recall, perSecond }) => `${x(recall).toFixed(1)},${y(perSecond).toFixed(1)}`,
    );
    const colour = COLOURS[engine];
    parts.push(
      `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
      ...at.map((point) => {
        const [cx, cy] = point.split(',');
        return `<circle cx="${cx}" cy="${cy}" r="2.8" fill="${colour}"/>`;
      }),
    );
  }
  return parts.join('\n');
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
