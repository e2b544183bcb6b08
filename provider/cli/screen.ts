import { clearScreenDown, cursorTo, moveCursor } from "node:readline";

/** What a user reads beside the result: messages and, on a terminal, progress. All of it on stderr. */
export class Screen {
  /** How many lines of the terminal the status takes. */
  #lines = 0;
  #status = "";
  #waiting = "";

  /** Whether the status can be redrawn. */
  readonly #canRedraw: boolean;

  constructor(
    readonly stream: NodeJS.WriteStream = process.stderr,
    env = process.env,
  ) {
    this.#canRedraw = stream.isTTY && env["TERM"] !== "dumb";
  }

  /** A line that stays. */
  readonly print = (line: string): void => {
    this.#erase();
    this.stream.write(`${line}\n`);
    this.#draw();
  };

  /** A line about the rate limit: on a terminal it stays until something is served. */
  readonly rateLimited = (line: string): void => {
    if (this.#canRedraw) {
      this.#waiting = line;
      this.#redraw();
    } else this.print(line);
  };

  /** How far the command is; on a terminal only. */
  progress(status: string): void {
    if (!this.#canRedraw) return;
    this.#status = status;
    this.#waiting = "";
    this.#redraw();
  }

  /** Removes the status. */
  end(): void {
    this.#status = this.#waiting = "";
    this.#redraw();
  }

  #redraw(): void {
    this.#erase();
    this.#draw();
  }

  #draw(): void {
    const text = [this.#status, this.#waiting].filter((line) => line !== "").join(" ");
    if (text === "") return;
    this.stream.write(text);
    this.#lines = Math.ceil(text.length / (this.stream.columns || 80));
  }

  #erase(): void {
    if (this.#lines === 0) return;
    moveCursor(this.stream, 0, 1 - this.#lines);
    cursorTo(this.stream, 0);
    clearScreenDown(this.stream);
    this.#lines = 0;
  }
}
