// @ts-check
/** A server that somebody else runs and the environment names: the launcher uses it, and never stops or disturbs it. */

/** @typedef {import('./services.mjs').Server} Server */

/** @implements {Server} */
export class EnvironmentServer {
  pid = undefined;
  folder = undefined;
  how;
  url;
  host;
  port;
  #variable;

  /**
   * @param {string} variable the environment variable that names it
   * @param {string} url
   * @param {number} defaultPort
   */
  constructor(variable, url, defaultPort) {
    if (!URL.canParse(url)) {
      throw new Error(
        `Expected ${variable} to be a URL, got \`${url}\`. Correct it, or unset it for a throwaway server.`,
      );
    }
    const { hostname, port } = new URL(url);
    this.#variable = variable;
    this.how = `the environment (${variable})`;
    this.url = url;
    this.host = hostname;
    this.port = Number(port) || defaultPort;
  }

  /** @param {(url: string) => Promise<unknown>} probe */
  async mustAnswer(probe) {
    try {
      await probe(this.url);
    } catch (error) {
      const where = `${this.host}:${this.port}`;
      throw new Error(
        `Expected a server at ${where}, which ${this.#variable} names, got: ${String(error)}. ` +
          `Start it, or unset ${this.#variable} for a throwaway server.`,
        { cause: error },
      );
    }
  }

  async stop() {}

  async kill() {
    this.#refuse('kill');
  }

  pause() {
    this.#refuse('pause');
  }

  resume() {
    this.#refuse('resume');
  }

  async restart() {
    this.#refuse('restart');
  }

  /** @param {string} verb */
  #refuse(verb) {
    throw new Error(
      `Expected a server of our own to ${verb}, got the one that ${this.#variable} names. ` +
        'Start one with `fromEnvironment: false`.',
    );
  }
}
