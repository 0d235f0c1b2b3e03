/** The server's answers, and the one way to ask. Shapes: docs/openapi.yaml. */
export interface Session { user: string | null; role: Role | null; csrf: string | null }
export type Role = 'viewer' | 'device' | 'operator' | 'admin';

export interface Camera {
  name: string; url: string; state: string; since_ms: number; error: string;
  width: number; height: number; fps: number; codec: string; decoder: string;
  frames: number; taken: number; dropped: Record<string, number>;
  reconnects: number; bytes: number; enabled: boolean;
}

export interface FaceEvent {
  id: string; type: string; source?: string; camera?: string; device?: string; strategy?: string; time: string; captured_ms?: number;
  track?: number; box?: number[]; score?: number; quality?: number; decision?: string;
  person?: number | null; name?: string | null; cosine?: number; calibrated?: number;
  frames?: number; state?: string; snapshot?: string;
}

export interface Boxes {
  captured_ms: number; width: number; height: number;
  faces: { box: number[]; score: number; track: number; decision: string; name: string | null; cosine: number; calibrated: number }[];
}

export interface Person { id: number; name: string; templates: number; created_ms: number; note: string }
export interface Template { id: number; quality: number; source: string; created_ms: number }
export interface Enrolled {
  person?: Person;
  enrolled: { file: string; template: number; quality: number }[];
  refused: { file: string; code: string; message: string }[];
}

export interface Spread { count: number; mean_ms: number; p50_ms: number; p95_ms: number; p99_ms: number }
export interface Stats {
  seconds: number; frames: number; faces: number; tracks: number; embedded: number; named: number; dropped: number;
  steps: Record<string, Spread>; queue: Spread; total: Spread; delay: Spread;
  bytes_sent: number; bytes_received: number; live_bytes: number;
  outbox: { items: number; bytes: number; dropped: number } | null; mqtt: string | null; clock_offset_ms: number;
  cpu_seconds: number; resident_bytes: number; joules: number | null;
}

export interface Strategies { active: string; items: { name: string; summary: string; leaves_device?: string[] }[] }
export interface Device {
  name: string; strategy: string; online: boolean; seen_ms: number; gallery_version: number; cameras: number; clock_offset_ms: number;
  view_url?: string | null;
}
export interface System {
  version: string; site: string; device: string; role: string; strategy: string; uptime_s: number;
  cpu?: { model: string; kernels: string; cores: number }; resident_bytes?: number;
  models?: { detector: string; recogniser: string }; gallery?: { people: number; templates: number };
}
export interface List<T> { items: T[]; next: string | null }

export class ApiError extends Error {
  constructor(readonly status: number, readonly code: string, message: string) {
    super(message);
  }
}

let csrf: string | null = null;
let onLost: () => void = () => undefined;

/** Called when the server no longer knows who we are. */
export function whenLost(fn: () => void): void {
  onLost = fn;
}

async function refusal(answer: Response): Promise<ApiError> {
  let code = String(answer.status), message = answer.statusText || 'the server refused';
  try {
    const body = await answer.json();
    code = body.error?.code ?? code;
    message = body.error?.message ?? message;
  } catch { /* not JSON: the status says it */ }
  return new ApiError(answer.status, code, message);
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const headers: Record<string, string> = {};
  const init: RequestInit = { method, headers, credentials: 'same-origin' };
  if (csrf && method !== 'GET') headers['x-csrf-token'] = csrf;
  if (body instanceof FormData) init.body = body;
  else if (body !== undefined) {
    headers['content-type'] = 'application/json';
    init.body = JSON.stringify(body);
  }
  let answer: Response;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new ApiError(0, 'unreachable', 'the server cannot be reached');
  }
  if (!answer.ok) {
    const error = await refusal(answer);
    if (answer.status === 401 && path !== '/v1/login') onLost();
    throw error;
  }
  const type = answer.headers.get('content-type') ?? '';
  return (type.includes('json') ? await answer.json() : undefined) as T;
}

export const get = <T>(path: string): Promise<T> => call<T>('GET', path);
export const post = <T>(path: string, body?: unknown): Promise<T> => call<T>('POST', path, body);
export const del = <T>(path: string): Promise<T> => call<T>('DELETE', path);
export const patch = <T>(path: string, body: unknown): Promise<T> => call<T>('PATCH', path, body);

export async function session(): Promise<Session> {
  const s = await get<Session>('/v1/session');
  csrf = s.csrf;
  return s;
}

export async function login(user: string, password: string): Promise<Session> {
  const s = await post<Session>('/v1/login', { user, password });
  csrf = s.csrf;
  return s;
}

export async function logout(): Promise<void> {
  await post('/v1/logout');
  csrf = null;
}

/** Path parts from outside. */
export const part = (s: string): string => encodeURIComponent(s);

/** A stream of events; closed by what is returned. */
export function stream<T>(path: string, got: (data: T) => void, state: (open: boolean) => void): () => void {
  const source = new EventSource(path);
  source.onopen = () => state(true);
  source.onerror = () => state(false);
  source.onmessage = (m) => got(JSON.parse(m.data) as T);
  return () => source.close();
}
