const names = ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"];
const variables = names.flatMap((name) => [name, name.toLowerCase()]);

/** The environment's variables for proxies, for tests that set them. */
export class ProxyEnvironment {
  readonly #before = variables.map((name) => [name, process.env[name]] as const);

  set(name: string, value: string | undefined): void {
    if (value !== undefined) process.env[name] = value;
    // Set to undefined it would be the text "undefined".
    else Reflect.deleteProperty(process.env, name);
  }

  clear(): void {
    for (const name of variables) this.set(name, undefined);
  }

  restore(): void {
    for (const [name, value] of this.#before) this.set(name, value);
  }
}
