import { Screen } from "../../provider/cli/screen";

/** What a command writes beside its result. */
export class TestScreen extends Screen {
  readonly #written: string[];

  /** @param columns undefined: not a terminal. */
  constructor(columns?: number, env: NodeJS.ProcessEnv = {}) {
    const written: string[] = [];
    const write = (text: string) => written.push(text) > 0;
    super({ write, isTTY: columns !== undefined, columns } as unknown as NodeJS.WriteStream, env);
    this.#written = written;
  }

  get text(): string {
    return this.#written.join("");
  }

  /** What a user sees in the end, on a terminal of any width. */
  get lines(): string[] {
    return this.text.split("\n").filter((line) => line !== "");
  }
}
