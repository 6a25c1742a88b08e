// The broadcast loop of the `ws` documentation: every text goes to everyone, its sender
// included. Prints its address on stdout when it listens.
import { createServer } from "node:http";
import { WebSocketServer, WebSocket } from "ws";

const server = createServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: false });

sockets.on("connection", (socket) => {
  // Clients of the load generator vanish with a reset: that must not end the server.
  socket.on("error", () => {});
  socket.on("message", (data, binary) => {
    for (const client of sockets.clients) {
      if (client.readyState === WebSocket.OPEN) client.send(data, { binary });
    }
  });
});

server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));
