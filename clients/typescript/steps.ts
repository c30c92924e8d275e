// What the scenarios have in common: where the server is, and the steps, each told when it is done.
const { VORONKA_URL, VORONKA_EMAIL, VORONKA_PASSWORD } = process.env;
if (!VORONKA_URL || !VORONKA_EMAIL || !VORONKA_PASSWORD) throw new Error("VORONKA_URL, _EMAIL and _PASSWORD");

export const url = VORONKA_URL;
export const login = { email: VORONKA_EMAIL, password: VORONKA_PASSWORD };
/** Names are unique in a workspace, and a scenario may run on one again. */
export const mark = Date.now().toString(36);

/** A step that fails does not stop the others, unless they need what it answers. */
export async function step<T>(name: string, act: () => Promise<T>): Promise<T | undefined> {
  try {
    const made = await act();
    console.log(`done ${name}`);
    return made;
  } catch (error) {
    console.log(`failed ${name}: ${error instanceof Error ? error.message : String(error)}`);
    process.exitCode = 1;
    return undefined;
  }
}

export function equal<T>(found: T, wanted: NoInfer<T>, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (a !== b) throw new Error(`${what}: ${a} instead of ${b}`);
}

export function have<T>(value: T, what = "an earlier step"): NonNullable<T> {
  if (value === undefined || value === null) throw new Error(`without ${what}`);
  return value;
}
