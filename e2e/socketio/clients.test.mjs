/**
 * The official clients, one of each generation, against the real binary: by polling, by
 * WebSocket, and by upgrade from the one to the other, as `docs/PROTOCOL.md` has it.
 */

import assert from "node:assert/strict";
import { once } from "node:events";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";

import { WebSocket } from "ws";

import { Server } from "../support/server.mjs";

const require = createRequire(import.meta.url);

const VERSIONS = ["1", "2", "3", "4"];
const TRANSPORTS = {
  polling: ["polling"],
  websocket: ["websocket"],
  upgrade: ["polling", "websocket"],
};

/** A loaded machine takes a while; a passing test does not. */
const LIMIT = { timeout: 60_000 };

/** Events in the order in which they came, waited for one by one. */
class Queue {
  #came = [];
  #wanted = [];

  push(event) {
    const want = this.#wanted.shift();
    if (want) want(event);
    else this.#came.push(event);
  }

  /** @returns {Promise<any>} */
  next() {
    return this.#came.length > 0 ? Promise.resolve(this.#came.shift()) : new Promise((resolve) => this.#wanted.push(resolve));
  }

  get waiting() {
    return this.#came.length;
  }
}

const EVENTS = ["news", "authenticated", "unauthorized", "server-got-message", "disconnect"];

/** A Socket.IO client of a generation; what it hears arrives in `heard` as [event, data]. */
class Client {
  heard = new Queue();

  constructor(url, version, transport) {
    const io = require(`socket.io-client-${version}`);
    const options = { transports: TRANSPORTS[transport], forceNew: true, reconnection: false };
    this.socket = io(url, options);
    for (const event of EVENTS) {
      this.socket.on(event, (data) => this.heard.push([event, data]));
    }
    this.socket.on("connect_error", (error) => this.heard.push(["connect_error", error.message]));
    this.upgraded = transport === "upgrade" ? this.#upgraded() : Promise.resolve();
  }

  async #upgraded() {
    await new Promise((resolve) => this.socket.once("connect", resolve));
    const engine = this.socket.io.engine;
    if (engine.transport.name !== "websocket") {
      await new Promise((resolve) => engine.once("upgrade", resolve));
    }
  }

  get transport() {
    return this.socket.io.engine.transport.name;
  }

  /** Greeted, authenticated, and on the transport it shall be on. */
  async arrive(token) {
    const [event, greeting] = await this.heard.next();
    assert.equal(event, "news");
    assert.match(greeting.message, /^Hello, at 127\.0\.0\.1:\d+$/);
    this.socket.emit("authentication", { token });
    assert.deepEqual(await this.heard.next(), ["authenticated", true]);
    await this.upgraded;
  }

  say(text) {
    return new Promise((resolve) => this.socket.emit("client-sent-message", { message: text }, resolve));
  }

  close() {
    this.socket.close();
  }
}

/** Somebody on `/ws`, as Piratchat's clients are. */
class Pirate {
  heard = new Queue();

  static async open(person) {
    const pirate = new Pirate();
    const url = server.url.replace("http", "ws");
    pirate.socket = new WebSocket(`${url}/ws`, { headers: { cookie: person.cookie } });
    pirate.socket.on("message", (data) => {
      const frame = JSON.parse(String(data));
      if (frame.author) pirate.heard.push([frame.author, frame.message]);
    });
    await once(pirate.socket, "open");
    return pirate;
  }

  say(text) {
    this.socket.send(JSON.stringify({ message: text }));
  }

  async close() {
    const closed = once(this.socket, "close");
    this.socket.close();
    await closed;
  }
}

let server;
let people = 0;

before(async () => {
  // Longer than a client takes on a busy machine, short enough to wait for.
  server = await Server.start({ PACKETBOAT_CHAT__AUTH_TIMEOUT_MS: "5000" });
});
after(() => server?.dispose());

/** Registers somebody and signs them in. */
async function person(name) {
  const username = `${name}${(people += 1)}`;
  const key = await server.register(username);
  const answer = await fetch(`${server.url}/api/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ key }),
  });
  const cookie = answer.headers.get("set-cookie").split(";")[0];
  const issued = await fetch(`${server.url}/api/auth/token/`, { headers: { cookie } });
  assert.equal(issued.status, 200);
  return { username, cookie, token: (await issued.json())["X-Token"] };
}

for (const version of VERSIONS) {
  for (const transport of Object.keys(TRANSPORTS)) {
    const name = `socket.io-client ${version}.x by ${transport}`;
    // 1.x encodes what it says twice when polling, which servers cannot tell from text.
    const greeting = version === "1" && transport === "polling" ? "Hello" : "Grüße 🚀";

    test(`${name} talks with /ws and hears itself`, LIMIT, async () => {
      const [ann, bob] = [await person("ann"), await person("bob")];
      const pirate = await Pirate.open(bob);
      const client = new Client(server.url, version, transport);
      await client.arrive(ann.token);
      assert.equal(client.transport, transport === "polling" ? "polling" : "websocket");

      assert.deepEqual(await client.say(greeting), { status: true });
      const own = ["server-got-message", { message: `${ann.username}: ${greeting}` }];
      assert.deepEqual(await client.heard.next(), own);
      assert.deepEqual(await pirate.heard.next(), [ann.username, greeting]);

      pirate.say("Ahoy, Grüße 🚀");
      const ahoy = ["server-got-message", { message: `${bob.username}: Ahoy, Grüße 🚀` }];
      assert.deepEqual(await client.heard.next(), ahoy);

      assert.deepEqual(await client.say("x".repeat(301)), { status: false, code: "message_too_long" });
      assert.deepEqual(await client.say(""), { status: false, code: "malformed_message" });
      client.close();
      await pirate.close();
    });

    test(`${name} is refused with a wrong token`, LIMIT, async () => {
      const client = new Client(server.url, version, transport);
      assert.equal((await client.heard.next())[0], "news");
      client.socket.emit("authentication", { token: "0".repeat(64) });
      assert.deepEqual(await client.heard.next(), ["unauthorized", { message: "Token not found." }]);
      assert.equal((await client.heard.next())[0], "disconnect");
      client.close();
    });
  }
}

test("clients without a token are cut off, and hear nothing before", LIMIT, async () => {
  const pirate = await Pirate.open(await person("carol"));
  const all = VERSIONS.flatMap((version) => Object.keys(TRANSPORTS).map((transport) => [version, transport]));
  const strangers = all.map(async ([version, transport]) => {
    const name = `${version}.x by ${transport}`;
    const client = new Client(server.url, version, transport);
    assert.equal((await client.heard.next())[0], "news", name);
    assert.deepEqual(await client.say("let me in"), { status: false, code: "unauthorized" }, name);
    pirate.say("not for strangers");
    assert.equal((await client.heard.next())[0], "disconnect", name);
    client.close();
  });
  await Promise.all(strangers);
  assert.equal(pirate.heard.waiting, 0);
  await pirate.close();
});

test("clients of all generations and transports hear each other", LIMIT, async () => {
  const clients = [];
  for (const version of VERSIONS) {
    for (const transport of Object.keys(TRANSPORTS)) {
      const who = await person("dora");
      const client = new Client(server.url, version, transport);
      await client.arrive(who.token);
      clients.push({ client, who });
    }
  }
  for (const { client: speaker, who } of clients) {
    assert.deepEqual(await speaker.say(`I am ${who.username}`), { status: true });
    const expected = ["server-got-message", { message: `${who.username}: I am ${who.username}` }];
    for (const { client } of clients) {
      assert.deepEqual(await client.heard.next(), expected);
    }
  }
  clients.forEach(({ client }) => client.close());
});

test("a burst arrives whole and in order, on every transport", LIMIT, async () => {
  const who = await person("emil");
  for (const version of VERSIONS) {
    for (const transport of Object.keys(TRANSPORTS)) {
      const client = new Client(server.url, version, transport);
      await client.arrive(who.token);
      const texts = Array.from({ length: 200 }, (_, number) => `${number}`);
      const answers = await Promise.all(texts.map((text) => client.say(text)));
      assert.ok(answers.every((answer) => answer.status === true));
      for (const text of texts) {
        const expected = ["server-got-message", { message: `${who.username}: ${text}` }];
        assert.deepEqual(await client.heard.next(), expected, `${version} by ${transport}`);
      }
      client.close();
    }
  }
});

test("signing out disconnects the clients that the token let in", LIMIT, async () => {
  for (const version of VERSIONS) {
    const who = await person("fred");
    const client = new Client(server.url, version, "upgrade");
    await client.arrive(who.token);
    const headers = { authorization: `Token ${who.token}` };
    const answer = await fetch(`${server.url}/api/auth/logout/`, { method: "DELETE", headers });
    assert.equal(answer.status, 204);
    assert.equal((await client.heard.next())[0], "disconnect");
    client.close();
  }
});

test("a server that stops delivers what it accepted, then disconnects", LIMIT, async () => {
  const own = await Server.start();
  const key = await own.register("gina");
  const login = await fetch(`${own.url}/api/login`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ key }),
  });
  const cookie = login.headers.get("set-cookie").split(";")[0];
  const { "X-Token": token } = await (await fetch(`${own.url}/api/auth/token/`, { headers: { cookie } })).json();
  const client = new Client(own.url, "4", "websocket");
  await client.arrive(token);
  assert.deepEqual(await client.say("last words"), { status: true });
  await own.stop("SIGTERM");
  assert.deepEqual(await client.heard.next(), ["server-got-message", { message: "gina: last words" }]);
  assert.equal((await client.heard.next())[0], "disconnect");
  client.close();
  await own.dispose();
});
