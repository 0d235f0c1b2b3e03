/** Numbers and times as people read them. */
export function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let i = 0;
  while (n >= 1000 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export function count(n: number): string {
  return n.toLocaleString('en');
}

export function ms(n: number | null | undefined): string {
  if (n === null || n === undefined || !isFinite(n)) return '–';
  return n >= 1000 ? `${(n / 1000).toFixed(1)} s` : n >= 10 ? `${n.toFixed(0)} ms` : `${n.toFixed(2)} ms`;
}

export function time(at: number | string): string {
  const d = new Date(at);
  if (isNaN(d.getTime())) return '–';
  const day = d.toDateString() === new Date().toDateString() ? '' : `${d.toLocaleDateString()} `;
  return day + d.toLocaleTimeString();
}

export function since(at: number): string {
  return duration((Date.now() - at) / 1000);
}

export function duration(s: number): string {
  if (!isFinite(s) || s < 0) return '–';
  if (s < 90) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

export function percent(x: number): string {
  return `${(100 * x).toFixed(1)} %`;
}
